// The page of the desk. Everything that comes from the server is put in as text, never as markup, and the token is kept in this tab.
"use strict";

const KEY = "sandgate-desk-token";
const EVERY = 3000;
const element = (id) => document.getElementById(id);
let timer = null;
// Counts what makes older answers of the server untrue: a newer look, a decision, leaving. An older one is not shown.
let turn = 0;

const make = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};

const notice = (text) => { element("notice").textContent = text; };

const ask = async (method, params = {}) => {
  const response = await fetch("/rpc", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "Authorization": "Bearer " + sessionStorage.getItem(KEY),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const reply = await response.json();
  if (response.status === 401) {
    const because = "This token is worth nothing here.";
    leave(because);
    throw new Error(because);
  }
  if (reply.error) throw new Error(reply.error.message);
  return reply.result;
};

const answer = async (method, question, because) => {
  const params = { approvals: [question.approval] };
  if (because) params.because = because;
  turn += 1;
  try {
    const said = (await ask(method, params)).answers[0];
    const name = question.service + "." + question.method;
    notice(said.error ? name + ": " + said.error : name + ": " + said.answer);
  } catch (error) {
    notice(error.message);
  }
  await look();
};

const EFFECTS = { read: "reads", write: "changes something", destroy: "removes something" };

const question = (asked) => {
  const box = make("section", undefined, "question " + (asked.effect || "write"));
  box.id = "question-" + asked.approval;
  box.append(make("h3", asked.service + "." + asked.method));
  box.append(make("pre", asked.params));
  const whom = asked.user ? " for " + asked.user : "";
  box.append(make("p", `${EFFECTS[asked.effect] || "changes something"}; asked by ${asked.actor || "a script"}${whom} in ${asked.context}, ${asked.script}, run ${asked.run}`, "quiet"));
  for (const because of asked.because) box.append(make("p", because));
  if (asked.before.length) box.append(make("p", "The run has made: " + asked.before.join(", ")));
  if (asked.needed > 1) box.append(make("p", `${asked.agreed.length} of ${asked.needed} have agreed: ${asked.agreed.join(", ")}`));
  box.append(make("p", "until " + new Date(asked.expires).toLocaleString(), "quiet"));
  const answers = make("div", undefined, "answers");
  const approve = make("button", "Approve", "approve");
  approve.addEventListener("click", () => answer("desk.approve", asked));
  const because = make("input");
  because.placeholder = "why not, for the script";
  because.setAttribute("aria-label", "why not");
  const reject = make("button", "Reject", "reject");
  reject.addEventListener("click", () => answer("desk.reject", asked, because.value));
  answers.append(approve, reject, because);
  box.append(answers);
  return box;
};

const run = (one) => {
  const row = make("tr", undefined, one.status);
  for (const cell of [
    new Date(one.began).toLocaleString(), one.context, one.user || one.actor || "", one.status.replaceAll("_", " "),
    one.calls, one.changes, one.refused, one.run,
  ]) row.append(make("td", String(cell ?? "")));
  return row;
};

// Whoever is writing why not must not lose it.
const isWriting = () => document.activeElement?.matches("#approvals input") && document.activeElement.value !== "";

// Where somebody was sent here with a question, it is shown to them once.
let wanted = location.hash.slice(1);
const showWanted = () => {
  const box = wanted.startsWith("question-") && element(wanted);
  if (!box) return;
  wanted = "";
  box.classList.add("wanted");
  box.scrollIntoView({ block: "center" });
};
addEventListener("hashchange", () => { wanted = location.hash.slice(1); showWanted(); });

// Puts in what was made of an answer, unless the same stands there: a button must not go away under whoever presses it.
const shown = new Map();
const show = (place, answered, made) => {
  const text = JSON.stringify(answered);
  if (shown.get(place) === text) return;
  shown.set(place, text);
  element(place).replaceChildren(...made());
};

const contextLine = (context) => {
  const line = make("p");
  line.append(make("strong", context.context + ": "), context.services.map((service) => service.name).join(", ") || "none");
  return line;
};

const look = async () => {
  clearTimeout(timer);
  turn += 1;
  const mine = turn;
  try {
    const [waiting, { runs }, { contexts }] = await Promise.all([ask("desk.approvals"), ask("desk.runs"), ask("desk.services")]);
    if (mine !== turn) return;
    const { person, approvals } = waiting;
    element("person").textContent = person;
    if (!isWriting()) {
      show("approvals", approvals, () => (approvals.length ? approvals.map(question) : [make("p", "Nothing waits.", "quiet")]));
    }
    show("runs", runs, () => runs.map(run));
    show("services", contexts, () => contexts.map(contextLine));
    element("enter").hidden = true;
    element("desk").hidden = false;
    element("leave").hidden = false;
    showWanted();
    document.title = (approvals.length ? `(${approvals.length}) ` : "") + "sandgate: the desk";
  } catch (error) {
    if (mine !== turn) return;
    notice(error.message);
  }
  timer = setTimeout(look, EVERY);
};

const leave = (because = "") => {
  clearTimeout(timer);
  turn += 1;
  sessionStorage.removeItem(KEY);
  element("enter").hidden = false;
  element("desk").hidden = true;
  element("leave").hidden = true;
  element("person").textContent = "";
  // Whoever sits here next sees nothing of it.
  for (const place of shown.keys()) element(place).replaceChildren();
  shown.clear();
  notice(because);
};

element("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, element("token").value.trim());
  element("token").value = "";
  notice("");
  look();
});
element("leave").addEventListener("click", () => leave());
if (sessionStorage.getItem(KEY)) look();
