// The details of what is selected: the message field by field, what the node said, and its state
// before and after.

const panel = document.getElementById("details");
const content = document.getElementById("details-content");

function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function showDetails(item) {
  panel.classList.toggle("open", Boolean(item));
  content.replaceChildren(...(item ? (isMessage(item) ? messageDetails(item) : turnDetails(item)) : overview()));
  panel.scrollTop = 0;
}

function overview() {
  const rows = run.sessions.map((session, number) => {
    const ends = run.states.map((changes) => changes.at(-1)?.[1].find((state) => state.session === number)?.phase);
    const counts = new Map();
    for (const phase of ends.filter(Boolean)) counts.set(phase, (counts.get(phase) ?? 0) + 1);
    const words = [...counts].map(([phase, count]) => html("span", { class: `state-chip phase-${phase}` }, `${phase} on ${count}`));
    return html("section", {}, html("h3", {}, `Session ${number} `, hexButton(session.id)), html("p", { class: "states" }, ...words),
      session.manifest ? fold("What is signed, by whom", shown(session.manifest, number)) : null);
  });
  return [
    html("h2", {}, "The run"),
    html("p", { class: "hint" }, "Select an arrow or a mark to see the message, what led to it, and the node’s state before and after."),
    facts([
      ["seed", run.seed], ["nodes", run.lanes.length], ["ended at", exactly(run.end)],
      ["frames", run.messages.filter((message) => !message.gossip).length],
      ["usual trip", time(run.trip)], ["trace", hexButton(run.hash)],
    ]),
    ...rows,
  ];
}

function messageDetails(message) {
  const sender = turnOf.get(message.turn);
  const receivers = message.ways.map((way) => turnOf.get(way.turn)).filter(Boolean);
  return [
    heading(titleOf(message), message.words || "a summary of what the sender holds"),
    facts([
      ["sent at", exactly(message.at)],
      ...message.ways.map((way) => [way.again ? "and again" : "fate", fateOf(way)]),
      ["size", `${message.size} bytes`],
      message.session === null ? null : ["session", sessionName(message.session)],
    ].filter(Boolean)),
    section("Message", shown(run.contents[message.content], message.session)),
    causesSection(message),
    ...[sender, ...receivers].filter(Boolean).map((turn) => stateSection(turn, ` of node ${turn.node}, ${turn === sender ? "sending" : "receiving"}`)),
  ];
}

const fateOf = (way) => html("span", { class: `fate-chip fate-${way.fate}` },
  way.at === null ? FATES[way.fate] : `${FATES[way.fate]}, ${exactly(way.at)}`);
const sessionName = (session) => html("span", {}, `${session} `, hexButton(run.sessions[session].id));

function turnDetails(turn) {
  const message = turn.message === null ? null : messageOf.get(turn.message);
  const sent = sentIn.get(turn.step) ?? [];
  const pin = run.pin && run.pin.turn === turn.step ? html("p", { class: "pinned" }, run.pin.text) : null;
  return [
    heading(`Node ${turn.node}`, turn.text),
    pin,
    facts([["at", exactly(turn.at)], ["step", turn.step]]),
    turn.notes.length ? section("It said", html("ul", { class: "notes" }, ...turn.notes.map(noteItem))) : null,
    stateSection(turn, ""),
    message ? section("Message received", itemButton(message), shown(run.contents[message.content], message.session)) : null,
    sent.length ? section(`Sent (${sent.length})`, html("ul", { class: "links" }, ...sent.map((one) => html("li", {}, itemButton(one))))) : null,
    causesSection(turn),
  ].filter(Boolean);
}

const noteItem = (note) => html("li", { class: note.mark ? `mark-${note.mark}` : "" }, note.text,
  note.evidence ? fold("Evidence", shown(note.evidence, note.session)) : null);

function heading(title, subtitle) {
  return html("div", { class: "heading" },
    html("button", { type: "button", class: "close", "aria-label": "Close the details", onclick: () => select(null) }, "×"),
    html("h2", {}, title), html("p", {}, subtitle));
}
const section = (title, ...children) => html("section", {}, html("h3", {}, title), ...children);
const fold = (title, ...children) => html("details", {}, html("summary", {}, title), ...children);
const facts = (rows) => html("dl", { class: "facts" }, ...rows.flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]));

function causesSection(item) {
  const chain = causes(item);
  if (!chain.length) return null;
  const shownFirst = chain.slice(0, 12);
  return section("What led to it", html("ol", { class: "links" }, ...shownFirst.map((cause) => html("li", {}, itemButton(cause)))),
    chain.length > 12 ? html("p", { class: "hint" }, `and ${chain.length - 12} more before`) : null);
}

const summaryOf = (item) => isMessage(item)
  ? `${exactly(item.at)} ${titleOf(item)}: ${item.words || "summary"}`
  : `${exactly(item.at)} Node ${item.node} ${item.text}`;
function itemButton(item) {
  const title = isMessage(item) ? `#${item.number} ${item.from} → ${item.to ?? "?"}` : `node ${item.node}`;
  return html("button", { type: "button", class: "link", onclick: () => select(item, true) },
    html("span", { class: "when" }, time(item.at)), html("b", {}, title), ` ${isMessage(item) ? item.words || "summary" : item.text}`);
}

// Shows the sessions of a node before and after a turn. Changes stand out.
function stateSection(turn, whose) {
  const { before, after } = statesAround(turn);
  const numbers = [...new Set([...before, ...after].map((state) => state.session))];
  const about = numbers.filter((number) => turn.sessions.has(number));
  const tables = (about.length ? about : numbers).map((number) => {
    const find = (states) => states.find((state) => state.session === number);
    return stateTable(number, find(before), find(after));
  });
  return section(`State${whose}`, ...(tables.length ? tables : [html("p", { class: "hint" }, "No session known, before or after.")]));
}

function stateTable(number, before, after) {
  const names = (after ?? before).fields.map(([name]) => name);
  const value = (state, name) => state?.fields.find(([other]) => other === name)?.[1];
  const rows = names.map((name) => {
    const [was, is] = [value(before, name), value(after, name)];
    const changed = JSON.stringify(was) !== JSON.stringify(is);
    const cell = (one) => html("td", {}, one === undefined ? "–" : shown(one, number));
    return html("tr", { class: changed ? "changed" : "" }, html("th", { scope: "row" }, name), cell(was), cell(is));
  });
  return html("table", {}, html("caption", {}, `Session ${number}`),
    html("thead", {}, html("tr", {}, html("td", {}), html("th", { scope: "col" }, "before"), html("th", { scope: "col" }, "after"))),
    html("tbody", {}, ...rows));
}

// Shows a value as the simulator gave it: see `shown.rs`.
function shown(value, session) {
  const [[kind, of]] = Object.entries(value);
  switch (kind) {
    case "text": return document.createTextNode(of);
    case "hex": return of ? hexButton(of) : document.createTextNode("empty");
    case "signer": return document.createTextNode(signerName(session, of));
    case "list": return list(of, session);
    case "fields": return html("dl", { class: "fields" }, ...of.flatMap(([name, part]) => [html("dt", {}, name), html("dd", {}, shown(part, session))]));
    default: return document.createTextNode(JSON.stringify(value));
  }
}

function list(values, session) {
  if (!values.length) return document.createTextNode("none");
  if (values.every((value) => "signer" in value)) {
    return document.createTextNode(signerNames(session, values.map((value) => value.signer)));
  }
  return html("ol", { class: "list" }, ...values.map((value) => html("li", {}, shown(value, session))));
}

// If almost all of many signers are listed, naming the missing ones is quicker to read.
function signerNames(session, signers) {
  const all = run.sessions[session]?.signers.length ?? 0;
  const names = (some) => some.map((signer) => signerName(session, signer)).join(", ");
  if (signers.length === all) return `all ${all}`;
  if (signers.length < all - 2) return names(signers);
  if (all <= 4) return names(signers);
  return `all but ${names([...Array(all).keys()].filter((signer) => !signers.includes(signer)))}`;
}

// Signers are named by their position among the sorted keys; lanes are named by node.
function signerName(session, signer) {
  const node = session === null ? null : nodeOf(session, signer);
  return node === null ? `signer ${signer}` : `${signer}\u00a0(node\u00a0${node})`;
}

function hexButton(hex) {
  if (hex.length <= 16) return html("code", {}, hex);
  const short = `${hex.slice(0, 8)}…${hex.slice(-4)}`;
  const button = html("button", { type: "button", class: "hex", title: `${hex.length / 2} bytes: show all`, "aria-label": `hex ${short}, ${hex.length / 2} bytes` }, short);
  button.addEventListener("click", () => {
    const all = button.classList.toggle("all");
    button.textContent = all ? hex : short;
  });
  return button;
}
