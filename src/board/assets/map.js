// Moves the map: wheel, drag, two fingers, keys, buttons. The server draws it as it should be seen at first; what lies
// under and what changes are two drawings of one view.

const map = document.getElementById("map");
const base = document.getElementById("map-base");
const first = base.viewBox.baseVal;
const home = { x: first.x, y: first.y, width: first.width, height: first.height };
const whole = { x: 500, y: 4_800, width: 4_300, height: 5_700 };
let view = { ...home };

const NARROWEST = 2;
const WIDEST = 12_000;

function show() {
  const box = `${view.x} ${view.y} ${view.width} ${view.height}`;
  for (const drawing of [base, document.getElementById("map-places")]) drawing?.setAttribute("viewBox", box);
  // marks keep their size on the screen
  map.style.setProperty("--zoom", Math.max(view.width / home.width, view.height / home.height));
  document.getElementById("places")?.style.setProperty("--zoom", Math.max(view.width / home.width, view.height / home.height));
}

/** A place of the screen in units of the map. */
function unit(clientX, clientY) {
  const place = new DOMPoint(clientX, clientY).matrixTransform(base.getScreenCTM().inverse());
  return [place.x, place.y];
}

function zoom(factor, [x, y] = [view.x + view.width / 2, view.y + view.height / 2]) {
  const width = Math.min(WIDEST, Math.max(NARROWEST, view.width * factor));
  const scale = width / view.width;
  view = { x: x - (x - view.x) * scale, y: y - (y - view.y) * scale, width, height: view.height * scale };
  show();
}

function pan(right, down) {
  view = { ...view, x: view.x + right, y: view.y + down };
  show();
}

map.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, unit(event.clientX, event.clientY));
}, { passive: false });

const fingers = new Map();
let dragged = false;

map.addEventListener("pointerdown", (event) => {
  if (event.target.closest("button, label, fieldset")) return;
  fingers.set(event.pointerId, event);
  dragged = false;
});

window.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const [x, y] = unit(event.clientX, event.clientY);
  const [fromX, fromY] = unit(before.clientX, before.clientY);
  if (Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) > 3) dragged = true;
  if (fingers.size === 2) {
    const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    const apart = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
    const middle = unit((event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
    if (apart(event) > 10) zoom(apart(before) / apart(event), middle);
  } else if (dragged) {
    pan(fromX - x, fromY - y);
  } else {
    return; // a tap may tremble
  }
  fingers.set(event.pointerId, event);
});

for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, (event) => fingers.delete(event.pointerId));

map.addEventListener("keydown", (event) => {
  if (event.target !== map) return;
  const step = view.width / 8;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (moves[event.key]) pan(...moves[event.key]);
  else if (event.key === "+" || event.key === "=") zoom(1 / 1.4);
  else if (event.key === "-") zoom(1.4);
  else if (event.key === "0") { view = { ...home }; show(); }
  else return;
  event.preventDefault();
});

const tools = map.querySelector(".map-tools");
tools.hidden = false;
tools.addEventListener("click", (event) => {
  const what = event.target.closest("button")?.dataset.map;
  if (what === "in") zoom(1 / 1.5);
  if (what === "out") zoom(1.5);
  if (what === "all") { view = view.width < whole.width ? { ...whole } : { ...home }; show(); }
});

map.addEventListener("change", (event) => {
  const layer = event.target.dataset.layer;
  if (layer) base.querySelector(`g[data-layer="${layer}"]`).toggleAttribute("hidden", !event.target.checked);
});

document.addEventListener("drawn", show);
