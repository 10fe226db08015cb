// Forms that order something: what they say goes to the API as JSON, and its answer is shown beneath the button.

import { fill, newKey, text } from "./words.js";

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-post]");
  if (!form) return;
  event.preventDefault();
  const [button, output] = [form.querySelector("button"), form.querySelector("output")];
  button.disabled = true;
  output.textContent = await send(form).catch(() => text.textNoAnswer);
  button.disabled = false;
});

async function send(form) {
  // what was taken is not ordered again because a photograph did not arrive
  const came = form.came ?? (await order(form));
  if (!came.taken) return fill(text.textNotDone, came.detail ?? came.title);
  form.came = came;
  for (const picture of form.querySelectorAll("[data-kind=photo]")) {
    const refused = picture.files.length ? await photo(picture, came.id ?? "") : null;
    if (refused) return fill(text.textNotDone, refused);
    picture.value = "";
  }
  delete form.came;
  if (came.told) return came.told.join("\n");
  if (came.password) return fill(text.textPassword, came.password);
  if (came.asked) return fill(text.textAsked, came.asked.join(", "));
  return fill(text.textDone, came.sequence ?? came.done ?? "");
}

async function order(form) {
  form.dataset.key ??= newKey(); // after no answer, the next tap is the same order
  const answer = await fetch(form.dataset.post, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Requested-With": "bongsu", "Idempotency-Key": form.dataset.key },
    body: JSON.stringify(said(form)),
  });
  const came = await answer.json();
  delete form.dataset.key;
  return { ...came, taken: answer.ok };
}

/** The longest side of a photograph that is sent, pixels: a phone's own are slow to send from a slope. */
const SIDE_MAX = 1_920;

/** Sends a photograph after what it belongs to; `null` if it was taken, else what to tell. */
async function photo(picture, about) {
  const answer = await fetch(`${picture.dataset.to}?about=${encodeURIComponent(about)}`, {
    method: "POST",
    headers: { "X-Requested-With": "bongsu" },
    body: await smaller(picture.files[0]),
  });
  const came = await answer.json();
  return answer.ok ? null : came.detail ?? came.title;
}

async function smaller(file) {
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return file; // the board says which forms it takes
  const scale = SIDE_MAX / Math.max(image.width, image.height);
  if (scale >= 1) return file;
  const canvas = new OffscreenCanvas(Math.round(image.width * scale), Math.round(image.height * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}

function said(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.dataset.kind === "photo") continue;
    if (field.dataset.kind === "flag") body[field.name] = field.checked;
    else if (field.value.trim() === "") continue;
    else if (field.dataset.kind === "list") body[field.name] = field.value.split(",").map((one) => one.trim()).filter(Boolean);
    else body[field.name] = field.value.trim();
  }
  return body;
}
