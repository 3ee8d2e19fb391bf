// What is shown, by session, kind of message and fate; and the search.

const kinds = [...new Set(run.messages.flatMap((message) => message.kinds))].sort();
const fates = Object.keys(FATES).filter((fate) => arrows.some((arrow) => arrow.fate === fate));
const filters = {
  sessions: new Set(run.sessions.keys()),
  kinds: new Set(kinds),
  fates: new Set(fates),
};
// A hello is about no session, and is shown with any.
const aboutShown = (session) => session === null || filters.sessions.has(session);
const shows = (message, way) => aboutShown(message.session)
  && message.kinds.some((kind) => filters.kinds.has(kind)) && filters.fates.has(way.fate);
const showsTurn = (turn) => !turn.sessions.size || [...turn.sessions].some(aboutShown);

function buildFilters() {
  const counted = (values, of) => values.map((value) => [value, of(value)]);
  const ofKind = counted(kinds, (kind) => run.messages.filter((message) => message.kinds.includes(kind)).length);
  const ofFate = counted(fates, (fate) => arrows.filter((arrow) => arrow.fate === fate).length);
  const sessions = [...run.sessions.keys()].map((session) => [session, run.sessions[session].id.slice(0, 4)]);
  if (sessions.length > 1) chips("session-filter", "Sessions", filters.sessions, sessions, (session) => `session ${session}`);
  chips("kind-filter", "Messages", filters.kinds, ofKind, (kind) => kind);
  chips("fate-filter", "Fates", filters.fates, ofFate, (fate) => fate);
}

// Makes a row of buttons. A click shows or hides one value. A double click or Alt-click shows only
// that value; repeated, it shows all again.
function chips(place, title, chosenValues, values, name) {
  const row = document.getElementById(place);
  const buttons = values.map(([value, extra]) => {
    const button = html("button", { type: "button", class: `chip ${place}-${value}`.replaceAll(" ", "-").replace("chip-", "chip "), title: "Alt-click: this alone" },
      html("span", { class: "key" }), name(value), html("small", {}, extra));
    const toggle = (alone) => {
      if (alone) {
        const only = chosenValues.size === 1 && chosenValues.has(value);
        chosenValues.clear();
        for (const [other] of values) if (only || other === value) chosenValues.add(other);
      } else if (!chosenValues.delete(value)) chosenValues.add(value);
      press();
      redraw();
      search();
      writeHash();
    };
    button.addEventListener("click", (event) => toggle(event.altKey));
    button.addEventListener("dblclick", () => toggle(true));
    return [value, button];
  });
  const press = () => buttons.forEach(([value, button]) => button.setAttribute("aria-pressed", String(chosenValues.has(value))));
  press();
  row.replaceChildren(html("span", { class: "chips-title" }, title), ...buttons.map(([, button]) => button));
  row.press = press;
}

// The search: over all texts of messages and turns, and all fields of messages.
const input = document.getElementById("search");
let results = [];
const textOf = (item) => isMessage(item)
  ? `${titleOf(item)} ${item.words} ${item.kinds.join(" ")} ${JSON.stringify(run.contents[item.content])}`
  : `node ${item.node} ${item.text} ${item.notes.map((note) => note.text).join(" ")}`;

const isShown = (item) => (isMessage(item) ? item.ways.some((way) => shows(item, way)) : showsTurn(item));

function search() {
  const words = input.value.trim().toLowerCase();
  const items = words ? [...run.turns, ...run.messages].sort((one, other) => one.step - other.step) : [];
  results = items.filter((item) => isShown(item) && textOf(item).toLowerCase().includes(words));
  chosen.matches = new Set(results.flatMap((item) =>
    isMessage(item) ? item.ways.map((_, index) => `m${item.step}.${index}`) : [`t${item.step}`]));
  document.getElementById("found").textContent = words ? `${results.length} found` : "";
  svg.classList.toggle("searching", Boolean(words));
  highlight();
}

function nextResult(back) {
  if (!results.length) return;
  const at = results.indexOf(chosen.selected);
  const next = back ? (at <= 0 ? results.length - 1 : at - 1) : (at + 1) % results.length;
  select(results[next], true);
  document.getElementById("found").textContent = `${next + 1} of ${results.length}`;
}
input.addEventListener("input", search);
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter") nextResult(event.shiftKey);
  if (event.key === "Escape") input.blur();
  event.stopPropagation();
});
