// Keeps the first page live. The server draws; this asks it to draw again when events say it would look different,
// says so when events stop coming, and carries orders. Without it the page can still be read.

const text = document.body.dataset;
const fill = (message, ...values) => message.replace(/\{(\d)\}/g, (_, place) => values[place] ?? "");
const find = (id) => document.getElementById(id);

/** Events stop for longer than this (they beat every ten seconds): the page is not live. */
const SILENCE_MAX = 25_000;
/** Waits between attempts to connect, milliseconds. */
const RETRIES = [1_000, 2_000, 5_000, 10_000];
/** How long decisions are gathered before the page is drawn again. */
const GATHER = 150;

// ---- live events -----------------------------------------------------------------------------------------------

let source = null;
let heardAt = performance.now();
let staleSince = null;
let lastDecision = text.lastDecision;
let retries = 0;
let signedOut = false;

function connect() {
  source?.close();
  source = new EventSource(`/api/v1/events?after=${lastDecision}`);
  source.addEventListener("hello", (event) => { retries = 0; heard(); overview(JSON.parse(event.data)); });
  source.addEventListener("overview", (event) => { heard(); overview(JSON.parse(event.data)); });
  source.addEventListener("decision", (event) => { heard(); decision(event); });
  source.addEventListener("error", () => {
    lost();
    // A browser comes back by itself after a cut, not after an answer that is no stream.
    if (source.readyState === EventSource.CLOSED) again();
  });
}

function again() {
  source.close();
  const wait = RETRIES[Math.min(retries, RETRIES.length - 1)];
  retries += 1;
  setTimeout(() => draw().then(connect, connect), wait);
}

function heard() {
  heardAt = performance.now();
  if (staleSince !== null || find("link").dataset.state !== "live") {
    staleSince = null;
    find("stale").hidden = true;
    document.body.classList.remove("is-stale");
    say("live", text.textLive);
  }
}

function lost() {
  if (staleSince === null) staleSince = shownClock();
  find("stale").textContent = signedOut ? text.textSignedOut : fill(text.textStaleSince, staleSince);
  find("stale").hidden = false;
  document.body.classList.add("is-stale");
  say("stale", text.textStale);
}

function say(state, word) {
  find("link").dataset.state = state;
  find("link-word").textContent = word;
}

setInterval(() => {
  if (performance.now() - heardAt <= SILENCE_MAX) return;
  heardAt = performance.now();
  lost();
  again();
}, 5_000);

function overview(now) {
  clock(now.clock);
  const set = (where, name, value) => {
    for (const place of where.querySelectorAll(`[data-live="${name}"]`)) place.textContent = value;
  };
  const system = find("system").querySelector("dl");
  set(system, "sequence", now.sequence);
  set(system, "quarantined", now.quarantined);
  set(system, "at", readable(now.at));
  for (const row of find("system").querySelectorAll("[data-balance]")) {
    const balance = now.balances.find((one) => one.source === row.dataset.balance);
    for (const [name, value] of Object.entries(balance ?? {})) set(row, name, value);
  }
  if (now.mark !== find("counts").dataset.mark) soon();
}

function decision(event) {
  lastDecision = event.lastEventId;
  const { kind, text: said, site } = JSON.parse(event.data);
  if (kind === "level" || kind === "incident") find("say").textContent = `${site ?? ""} ${said[document.documentElement.lang]}`;
  soon();
}

// ---- drawing ---------------------------------------------------------------------------------------------------

let due = null;
const soon = () => { due ??= setTimeout(() => { due = null; draw().catch(() => {}); }, GATHER); };

/** Asks for the page as it is now and puts in what changed, section by section, keeping focus and scroll. */
async function draw() {
  const answer = await fetch("/board/now", { headers: { "X-Requested-With": "bongsu" } });
  if (answer.status === 401) {
    signedOut = true;
    lost();
  }
  if (!answer.ok) throw new Error(`the board answers ${answer.status}`);
  signedOut = false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newest = Number(document.querySelector(".event")?.dataset.id ?? Infinity);
  for (const section of fresh.querySelectorAll("section[id]")) {
    const shown = find(section.id);
    if (drawnAs.get(section.id) === section.outerHTML) continue;
    drawnAs.set(section.id, section.outerHTML);
    const focus = shown.contains(document.activeElement) ? document.activeElement.id : null;
    const scroll = shown.querySelector("ol")?.scrollTop ?? 0;
    for (const event of section.querySelectorAll(".event")) event.classList.toggle("is-new", Number(event.dataset.id) > newest);
    shown.replaceWith(document.adoptNode(section));
    if (scroll) section.querySelector("ol").scrollTop = scroll;
    if (focus) find(focus)?.focus({ preventScroll: true });
  }
  elapsed();
}

const drawnAs = new Map();

// ---- time ------------------------------------------------------------------------------------------------------

// The server's clock, which may be simulated, is shown as it says; between its words this one's seconds are added.
let clockAt = Number(text.clock);
let clockHeardAt = performance.now();
let offset = find("clock").dateTime.slice(19).replace(/^\.\d+/, "");
let steady = true;

function clock(iso) {
  const at = Date.parse(iso);
  const passed = performance.now() - clockHeardAt;
  // Where time is simulated it does not run at our pace: then only what was heard is shown.
  steady = passed < 500 ? steady : Math.abs(at - clockAt - passed) < 3_000;
  clockAt = at;
  clockHeardAt = performance.now();
  offset = iso.slice(19).replace(/^\.\d+/, "");
  tell();
}

const readable = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
const clockNow = () => clockAt + (steady && staleSince === null ? performance.now() - clockHeardAt : 0);

function local(millis) {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)/.exec(offset) ?? [null, "+", "0", "0"];
  const shift = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? -60_000 : 60_000);
  return new Date(millis + shift).toISOString();
}

const shownClock = () => `${find("clock-date").textContent} ${find("clock-time").textContent} ${find("clock").lastElementChild.textContent}`;

function tell() {
  const now = local(clockNow());
  find("clock-date").textContent = now.slice(0, 10);
  find("clock-time").textContent = now.slice(11, 19);
}

function elapsed() {
  for (const place of document.querySelectorAll(".elapsed")) {
    const minutes = Math.max(0, Math.floor((clockNow() - Number(place.dataset.since)) / 60_000));
    const [hours, days] = [Math.floor(minutes / 60), Math.floor(minutes / 1_440)];
    place.textContent = days ? fill(text.textDays, days, hours % 24)
      : hours ? fill(text.textHours, hours, minutes % 60) : fill(text.textMinutes, minutes);
  }
}

setInterval(() => { tell(); elapsed(); }, 1_000);

// ---- orders ----------------------------------------------------------------------------------------------------

const dialog = find("order");
let order = null;

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-order]");
  if (!button) return;
  order = { verb: button.dataset.order, incident: button.dataset.incident, key: newKey() };
  find("order-title").textContent = button.textContent;
  find("order-send").textContent = button.textContent;
  find("order-site").textContent = button.dataset.site;
  find("order-ask").textContent = button.dataset.order === "stand-down" ? find("order-ask").dataset.standDown : find("order-ask").dataset.acknowledge;
  find("order-reason").value = "";
  find("order-reason").required = order.verb === "stand-down";
  find("order-failed").hidden = true;
  dialog.showModal();
  find("order-reason").focus();
});

find("order-cancel").addEventListener("click", () => dialog.close());

find("order-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  find("order-send").disabled = true;
  const failed = await give(order, find("order-reason").value.trim()).catch(() => text.textNoAnswer);
  find("order-send").disabled = false;
  if (failed === null) return dialog.close();
  find("order-failed").textContent = failed;
  find("order-failed").hidden = false;
});

/** Gives an order; `null` if it was carried out, else what to tell. Repeated with the same key it is one order. */
async function give({ verb, incident, key }, reason) {
  const answer = await fetch(`/api/v1/incidents/${encodeURIComponent(incident)}/${verb}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Requested-With": "bongsu", "Idempotency-Key": key },
    body: JSON.stringify({ reason }),
  });
  const said = await answer.json();
  if (!answer.ok) return fill(text.textNotDone, said.detail ?? said.title);
  find("say").textContent = fill(text.textDone, said.sequence);
  soon();
  return null;
}

// Not randomUUID: browsers keep it back where the board is served without TLS.
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

// ---- start -----------------------------------------------------------------------------------------------------

elapsed();
connect();
