// While somebody changes the words of an alert: what each channel would say, how long that is, what is wrong with it.
// The server says so, by the same rules that hold when it goes out.

import { fill, text } from "./words.js";

/** How long one waits for the next key. */
const PAUSE = 400;

let due = null;

document.addEventListener("input", (event) => {
  const words = event.target.closest("details.words");
  if (!words) return;
  clearTimeout(due);
  due = setTimeout(() => ask(words).catch(() => {}), PAUSE);
});

document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.words[open]")) ask(event.target).catch(() => {});
}, true);

async function ask(words) {
  const said = (part) => ({ ko: value(words, `${part}_ko`), en: value(words, `${part}_en`) });
  const wished = { level: words.dataset.level, text: { headline: said("headline"), description: said("description"), instruction: said("instruction") } };
  const answer = await fetch(`/api/v1/incidents/${encodeURIComponent(words.dataset.incident)}/drafts`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Requested-With": "bongsu" },
    body: JSON.stringify(wished),
  });
  if (answer.ok) show(words.querySelector(".drafts"), await answer.json());
}

const value = (words, name) => words.querySelector(`[name="${name}"]`).value.trim();

function show(place, { items, complaints }) {
  const lang = document.documentElement.lang;
  place.replaceChildren(...complaints.map((what) => part("p", "fault", what[lang])), ...items.flatMap((draft) => {
    const counted = fill(text.textCounted, draft.characters, draft.mixed_bytes, draft.sms_parts);
    const most = draft.most ? ` · ${draft.fits ? text.textFits : text.textTooLong} (${draft.most})` : "";
    const quote = part("blockquote", "", draft.text);
    quote.lang = draft.language;
    return [
      part("p", draft.fits ? "about" : "fault", `${draft.channel} · ${draft.language} · ${counted}${most}`),
      quote,
      ...draft.faults.map((fault) => part("p", "fault", `▲ ${fault[lang]}`)),
    ];
  }));
  place.hidden = false;
}

function part(name, kind, said) {
  const element = document.createElement(name);
  element.className = kind;
  element.textContent = said;
  return element;
}
