// What every script needs: the page's own words, and names for orders.

/** The page's words, as its body carries them. */
export const text = document.body.dataset;

/** A message with values in its places. */
export const fill = (message, ...values) => message.replace(/\{(\d)\}/g, (_, place) => values[place] ?? "");

/** A part of the page. */
export const find = (id) => document.getElementById(id);

/** A name for an order. Not randomUUID: browsers keep it back where the board is served without TLS. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
