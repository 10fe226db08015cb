// Keeps a page live. The server draws; this asks it to draw again when events say it would look different, and says so
// when events stop coming. Without it the page can still be read. Others hear of it by events of the document: `drawn`
// when something was drawn, `redraw` to ask for it.

import { fill, find, text } from "./words.js";

/** Events stop for longer than this (they beat every ten seconds): the page is not live. */
const SILENCE_MAX = 25_000;
/** Waits between attempts to connect, milliseconds. */
const RETRIES = [1_000, 2_000, 5_000, 10_000];
/** How long until a page that could not be drawn is asked for again. */
const REDRAW = 3_000;
/** How long decisions are gathered before the page is drawn again. */
const GATHER = 150;

// ---- live events -----------------------------------------------------------------------------------------------

let source = null;
let heardAt = performance.now();
let staleSince = null;
let lastDecision = text.lastDecision;
let retries = 0;
let signedOut = false;
/** What is shown is older than what was heard, because the board could not draw it. */
let behind = false;

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
  if (behind) return;
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
  const { heard: reporting, series, newest_at: newest } = now.returning;
  set(document, "heard", reporting);
  set(document, "percent", series ? Math.floor((reporting * 100) / series) : 0);
  for (const age of document.querySelectorAll(".age")) if (newest) age.dataset.since = Date.parse(newest);
  const system = find("system")?.querySelector("dl");
  if (system) {
    set(system, "sequence", now.sequence);
    set(system, "quarantined", now.quarantined);
    set(system, "at", readable(now.at));
  }
  for (const row of document.querySelectorAll("[data-balance]")) {
    const balance = now.balances.find((one) => one.source === row.dataset.balance);
    for (const [name, value] of Object.entries(balance ?? {})) set(row, name, value);
  }
  const mark = document.querySelector("[data-mark]");
  if (mark && now.mark !== mark.dataset.mark) soon();
}

function decision(event) {
  lastDecision = event.lastEventId;
  const { kind, text: said, site } = JSON.parse(event.data);
  if (kind === "level" || kind === "incident") find("say").textContent = `${site ?? ""} ${said[document.documentElement.lang]}`;
  soon();
}

// ---- drawing ---------------------------------------------------------------------------------------------------

let due = null;
const soon = () => { due ??= setTimeout(() => { due = null; draw().then(drawn, notDrawn); }, GATHER); };

function drawn() {
  if (!behind) return;
  behind = false;
  if (source?.readyState === EventSource.OPEN) heard();
}

function notDrawn() {
  behind = true;
  lost();
  setTimeout(soon, REDRAW);
}

/** Asks for the page as it is now and puts in what changed, section by section, keeping focus and scroll. */
async function draw() {
  const answer = await fetch(text.now, { headers: { "X-Requested-With": "bongsu" } });
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
    if (!shown) continue;
    if (drawnAs.get(section.id) === section.outerHTML) continue;
    drawnAs.set(section.id, section.outerHTML);
    const focus = shown.contains(document.activeElement) ? document.activeElement.id : null;
    const held = hold(shown);
    for (const event of section.querySelectorAll(".event")) event.classList.toggle("is-new", Number(event.dataset.id) > newest);
    shown.replaceWith(document.adoptNode(section));
    held(section);
    if (focus) find(focus)?.focus({ preventScroll: true });
  }
  elapsed();
  document.dispatchEvent(new Event("drawn"));
}

const drawnAs = new Map();

/** Keeps how far somebody scrolled within a section, and what they opened, for the one that takes its place. Questions
 * are closed again: whoever answers has opened the words that are there now. */
function hold(shown) {
  const scrolls = (section) => [...section.querySelectorAll("ol, .scroll")];
  const opens = (section) => (section.matches(".asked") ? [] : [...section.querySelectorAll("details")]);
  const name = (details) => details.querySelector("summary").textContent;
  const places = scrolls(shown).map(({ scrollTop, scrollLeft }) => ({ scrollTop, scrollLeft }));
  const open = opens(shown).filter((details) => details.open).map(name);
  return (section) => {
    scrolls(section).forEach((place, at) => Object.assign(place, places[at]));
    for (const details of opens(section)) if (open.includes(name(details))) details.open = true;
  };
}

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

const worded = (minutes, [inDays, inHours, inMinutes]) => {
  const [hours, days] = [Math.floor(minutes / 60), Math.floor(minutes / 1_440)];
  return days ? fill(inDays, days, hours % 24) : hours ? fill(inHours, hours, minutes % 60) : fill(inMinutes, minutes);
};
const since = [text.textDays, text.textHours, text.textMinutes];
const left = [text.textLeftDays, text.textLeftHours, text.textLeftMinutes];

function elapsed() {
  const passed = (place) => Math.max(0, clockNow() - Number(place.dataset.since));
  for (const place of document.querySelectorAll(".elapsed")) place.textContent = worded(Math.floor(passed(place) / 60_000), since);
  for (const place of document.querySelectorAll(".age")) {
    const seconds = Math.floor(passed(place) / 1_000);
    place.textContent = seconds < 120 ? fill(text.textSeconds, seconds) : worded(Math.floor(seconds / 60), since);
  }
  for (const place of document.querySelectorAll(".remaining")) {
    place.textContent = worded(Math.max(0, Math.floor((Number(place.dataset.until) - clockNow()) / 60_000)), left);
  }
}

setInterval(() => { tell(); elapsed(); }, 1_000);

// ---- start -----------------------------------------------------------------------------------------------------

document.addEventListener("redraw", soon);
// Charts move on although nothing happens that would make the page look different.
if (text.every) setInterval(soon, Number(text.every) * 1_000);
elapsed();
connect();
