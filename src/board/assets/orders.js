// Carries orders: a button names one, the dialog says what will be heard by whom and asks why, the API takes it.

import { fill, find, newKey, text } from "./words.js";
const dialog = find("order");
let order = null;

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-order]");
  if (!button) return;
  order = { verb: button.dataset.order, incident: button.dataset.incident, key: newKey() };
  find("order-title").textContent = button.textContent;
  find("order-send").textContent = button.textContent;
  find("order-site").textContent = button.dataset.site;
  find("order-ask").textContent = button.dataset.ask;
  find("order-reason").value = "";
  find("order-reason").required = "needsReason" in button.dataset;
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
  document.dispatchEvent(new Event("redraw"));
  return null;
}
