"use strict";

// What the page does beyond links and forms. Without it, everything can be read and every form can be sent.

const byId = (id) => document.getElementById(id);
const dialog = () => byId("dialog");

// ---- Saying what was done, once, politely.

function say(text) {
  const said = byId("said");
  said.textContent = "";
  requestAnimationFrame(() => { said.textContent = text.endsWith(".") ? text : text + "."; });
}

// ---- Times in the reader's zone, with UTC at hand.

const sameDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const otherDay = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.valueOf()) || time.dataset.shown === time.dateTime) continue;
    time.dataset.shown = time.dateTime;
    time.title = at.toISOString().slice(0, 16).replace("T", " ") + " UTC";
    if (time.hasAttribute("data-keep")) continue;
    const isToday = at.toDateString() === new Date().toDateString();
    time.textContent = (isToday ? sameDay : otherDay).format(at);
  }
}

function spanOf(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60000));
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours === 0) return minutes === 0 ? Math.max(0, Math.floor(milliseconds / 1000)) + " s" : minutes + " min";
  return hours < 24 ? hours + " h " + rest + " min" : Math.floor(hours / 24) + " d " + (hours % 24) + " h";
}

// What expires counts down.
function countDown() {
  for (const until of document.querySelectorAll("[data-until]")) {
    const left = new Date(until.dataset.until) - Date.now();
    const text = left > 0 ? "expires in " + spanOf(left) : "has expired";
    if (until.textContent !== text) until.textContent = text;
  }
}

// ---- Dialogs: a form of another address, shown over the page.

let opener = null;

async function openDialog(link) {
  const box = dialog();
  // A form that leads to another one is left where the first one was opened from.
  if (!(link instanceof Element && box.contains(link))) opener = link;
  await htmx.ajax("GET", link.href, { source: box, target: box, select: "#form", swap: "innerHTML" });
  if (!box.querySelector("form")) return location.assign(link.href);
  if (!box.open) box.showModal();
  const first = box.querySelector("[aria-invalid], input:not([type=hidden]), select, textarea, button");
  if (first) first.focus();
}

function closeDialog() {
  const box = dialog();
  if (box.open) box.close();
  box.replaceChildren();
  if (opener && (!(opener instanceof Element) || document.contains(opener))) opener.focus();
  else byId("content").focus();
  opener = null;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    openDialog(link);
    return;
  }
  const close = event.target.closest("[data-close]");
  if (close && dialog().contains(close)) {
    event.preventDefault();
    closeDialog();
  }
});

document.addEventListener("cancel", (event) => {
  if (event.target === dialog()) { event.preventDefault(); closeDialog(); }
}, true);

// A form is done: say so, and look again; from a page of its own, go back.
document.addEventListener("done", (event) => {
  const { said, back } = event.detail;
  if (dialog().open) {
    closeDialog();
    say(said);
    lookAgain();
  } else {
    const joint = back.includes("?") ? "&" : "?";
    location.assign(back + joint + "done=" + encodeURIComponent(said));
  }
});

// ---- Looking again, without moving what is under the pointer or the focus.

const pointer = { x: -1, y: -1 };
document.addEventListener("pointermove", (event) => { pointer.x = event.clientX; pointer.y = event.clientY; }, { passive: true });
document.addEventListener("pointerleave", () => { pointer.x = -1; });

function anchor() {
  const focused = document.activeElement && document.activeElement.closest("#content [id]");
  const under = pointer.x >= 0 ? document.elementFromPoint(pointer.x, pointer.y) : null;
  const held = focused || (under && under.closest("#content [id]"));
  return held && held.id !== "content" ? { id: held.id, top: held.getBoundingClientRect().top, left: held.getBoundingClientRect().left } : null;
}

function lookAgain() {
  htmx.trigger(byId("content"), "look-again");
}

let held = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr } = event.detail;
  if (!target || target.id !== "content") return;
  if (xhr.status < 400) { held = anchor(); return; }
  // A refusal is no page to go on with. One that passes is waited for, any other is shown.
  event.detail.shouldSwap = false;
  if (xhr.status >= 500 || xhr.status === 429) noAnswer();
  else location.reload();
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target && event.detail.target.id === "content") { lost.answer = false; showLost(); }
  if (held) {
    const now = byId(held.id);
    if (now) window.scrollBy(0, now.getBoundingClientRect().top - held.top);
    held = null;
  }
});
document.addEventListener("htmx:afterSettle", (event) => {
  dress(document);
  // A form that was refused says where.
  const form = event.target.closest ? event.target.closest("#form") : null;
  const wrong = form && form.querySelector("[aria-invalid]");
  if (wrong) wrong.focus();
  else if (form && form.querySelector(".error")) form.querySelector("button[type=submit]").focus();
});

// While a card is dragged, the page holds still.
let isBehind = false;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id !== "content" || !document.body.classList.contains("dragging")) return;
  event.preventDefault();
  isBehind = true;
});

// ---- The connection: the stream that tells of changes, and the answers when the page looks again.

const lost = { stream: false, answer: false };
let trying = 0;

function showLost() {
  const banner = byId("lost");
  const isLost = lost.stream || lost.answer;
  if (banner.hidden !== isLost) return;
  banner.hidden = !isLost;
  if (!isLost) say("The connection is back");
}

function noAnswer() {
  lost.answer = true;
  showLost();
  clearTimeout(trying);
  trying = setTimeout(lookAgain, 3000);
}

// Only a page that is seen listens: a browser has six connections to a server, for all its pages together.
let stream = null;
let connecting = 0;

function listen() {
  clearTimeout(connecting);
  const page = document.querySelector("[data-live]");
  if (!page || stream || document.hidden) return;
  stream = new EventSource(page.dataset.live);
  stream.addEventListener("changed", lookAgain);
  stream.onopen = () => {
    if (!lost.stream) return;
    lost.stream = false;
    showLost();
    lookAgain();
  };
  // A browser tries again by itself where there is no answer, and not where there is a refusal.
  stream.onerror = () => {
    lost.stream = true;
    showLost();
    if (stream.readyState !== EventSource.CLOSED) return;
    stream = null;
    connecting = setTimeout(() => { lookAgain(); listen(); }, 3000);
  };
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return listen();
  if (stream) stream.close();
  stream = null;
});
document.addEventListener("htmx:sendError", (event) => {
  const form = event.detail.elt.closest("#form");
  if (!form) { noAnswer(); return; }
  const error = form.querySelector(".unsent") || document.createElement("p");
  error.className = "error unsent";
  error.setAttribute("role", "alert");
  error.textContent = "The server does not answer, so this may be done or not. Send it again: it is done once.";
  form.querySelector(".acts").before(error);
});

// ---- Dragging a card to another column opens the form of that move.

function makeSortable() {
  if (typeof Sortable === "undefined") return;
  for (const list of document.querySelectorAll("ol.cards[data-droppable]")) {
    if (Sortable.get(list)) continue;
    Sortable.create(list, {
      group: "cards", sort: false, draggable: ".card", filter: ".empty, .move", preventOnFilter: false,
      delay: 150, delayOnTouchOnly: true, animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
      onStart: (event) => {
        document.body.classList.add("dragging");
        const legal = (event.item.dataset.moves || "").split(" ");
        for (const other of document.querySelectorAll("ol.cards")) {
          other.classList.toggle("legal", legal.includes(other.dataset.status));
        }
      },
      onMove: (event) => event.to === event.from || event.to.classList.contains("legal"),
      onEnd: (event) => {
        document.body.classList.remove("dragging");
        document.querySelectorAll("ol.cards.legal").forEach((other) => other.classList.remove("legal"));
        if (isBehind) { isBehind = false; lookAgain(); }
        const { item, from, to, oldIndex } = event;
        if (from === to) return;
        // It is moved when the server says so.
        from.insertBefore(item, from.children[oldIndex] || null);
        const link = item.querySelector("a.move");
        if (link) openDialog({ href: link.href.replace("/move", "/move/" + to.dataset.status), focus: () => link.focus() });
      },
    });
  }
}

// ---- Keyboard.

const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;
let going = 0;

function step(by) {
  const rows = [...document.querySelectorAll("#content [data-row]")];
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  const link = next.querySelector("a, button");
  if (link) link.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const wasGoing = Date.now() - going < 1500;
  going = 0;
  if (wasGoing) {
    const place = document.querySelector("a[data-go='" + CSS.escape(event.key) + "']");
    if (place) { event.preventDefault(); location.assign(place.href); }
    return;
  }
  const keys = {
    "?": () => byId("shortcuts").showModal(),
    "/": () => { const search = document.querySelector("[type=search]"); if (search) search.focus(); },
    "g": () => { going = Date.now(); },
    "j": () => step(1),
    "k": () => step(-1),
    "n": () => { const add = document.querySelector("a[data-new]"); if (add) openDialog(add); },
    "m": () => {
      const card = document.activeElement.closest("[data-row]");
      const move = card && card.querySelector("a.move");
      if (move) openDialog(move);
    },
  };
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});

// ---- Light and dark.

function theme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
}
theme(localStorage.getItem("theme"));

function dress(root) {
  showTimes(root);
  makeSortable();
  countDown();
}

document.addEventListener("DOMContentLoaded", () => {
  dress(document);
  listen();
  setInterval(countDown, 1000);
  // What changes without anything being recorded is looked at again by the clock.
  setInterval(() => { if (document.querySelector("#content [data-look-again]")) htmx.trigger(byId("content"), "look-again"); }, 10000);
  const switcher = document.querySelector("[data-theme-switch]");
  if (switcher) {
    switcher.hidden = false;
    switcher.addEventListener("click", () => {
      const isDark = document.documentElement.dataset.theme
        ? document.documentElement.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      const next = isDark ? "light" : "dark";
      localStorage.setItem("theme", next);
      theme(next);
      say("The page is " + next);
    });
  }
  const shortcuts = document.querySelector("[data-shortcuts]");
  if (shortcuts) {
    shortcuts.hidden = false;
    shortcuts.addEventListener("click", () => byId("shortcuts").showModal());
  }
  for (const form of document.querySelectorAll("form.switch, form[data-submit-on-change]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }
});
