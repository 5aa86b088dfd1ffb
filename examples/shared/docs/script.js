// Shows the OpenAPI document beside this page. Whatever the document says is put
// into the page as text, never as HTML.
"use strict";

const METHODS = ["get", "put", "patch", "post", "delete"];
let api;

/** An element with attributes, and with texts and elements in it. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** What a reference of the document refers to. */
function resolved(value) {
  if (!value?.$ref) return value;
  const path = value.$ref.slice(2).split("/");
  return path.reduce((found, key) => found?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], api);
}

const nameOf = (reference) => reference.split("/").pop();

/** A line of Markdown: only `code` is known. */
function line(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

/** The little Markdown that descriptions have: headings, lists, tables. */
function prose(text = "") {
  return text.split(/\n{2,}/).filter(Boolean).map((block) => {
    const lines = block.split("\n");
    if (block.startsWith("## ")) return element("h3", {}, block.slice(3));
    if (block.startsWith("|")) return table(lines);
    const items = lines.filter((one) => one.startsWith("- "));
    const words = lines.filter((one) => !one.startsWith("- ")).join(" ");
    const list = items.map((item) => element("li", {}, line(item.slice(2))));
    return [
      words ? element("p", {}, line(words)) : null,
      list.length ? element("ul", {}, list) : null,
    ];
  }).flat();
}

function table([head, , ...rows]) {
  const cells = (row, kind) => row.split("|").slice(1, -1)
    .map((cell) => element(kind, kind === "th" ? { scope: "col" } : {}, line(cell.trim())));
  return element("table", { tabindex: "0" },
    element("thead", {}, element("tr", {}, cells(head, "th"))),
    element("tbody", {}, rows.filter(Boolean).map((row) => element("tr", {}, cells(row, "td")))));
}

/** What kind of value a schema is of, in words. */
function kind(schema) {
  if (schema === undefined) return ["anything"];
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return [element("a", { href: `#schema-${name}` }, name)];
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices?.some((choice) => choice.$ref)) {
    return choices.flatMap((choice, index) => [index ? " or " : null, ...kind(choice)]);
  }
  if (schema.type === "array") return ["list of ", ...kind(schema.items)];
  const words = [schema.type].flat().filter(Boolean).join(" or ") || "any of these";
  const more = [
    schema.format ?? choices?.map((choice) => choice.format).filter(Boolean).join(" or "),
    "const" in schema ? `always ${JSON.stringify(schema.const)}` : null,
    schema.enum ? `one of ${schema.enum.join(", ")}` : null,
    schema["x-extensible-enum"] ? "a name from a list that may grow" : null,
    schema.pattern ? `pattern ${schema.pattern}` : null,
    limits(schema.minimum, schema.maximum, ""),
    limits(schema.minLength, schema.maxLength, " characters"),
    "default" in schema ? `if absent ${schema.default}` : null,
  ].filter(Boolean);
  return [[words, ...more].join(", ")];
}

function limits(least, most, unit) {
  if (least === undefined && most === undefined) return null;
  if (most === undefined) return `${least}${unit} or more`;
  return `${least ?? 0} to ${most}${unit}`;
}

function entry(name, schema, isRequired, description) {
  return [
    element("dt", {}, element("code", {}, name), " ",
      element("span", { class: "quiet" }, kind(schema), isRequired ? ", required" : "")),
    element("dd", {}, prose(description)),
  ];
}

/** The members of an object, those that are required first. */
function members(schema) {
  const names = Object.keys(schema.properties ?? {});
  const required = schema.required ?? [];
  names.sort((one, other) => required.includes(other) - required.includes(one));
  if (!names.length) return null;
  return element("dl", {}, names.flatMap((name) => {
    const property = schema.properties[name];
    const text = property.description ?? resolved(property)?.description;
    return entry(name, property, required.includes(name), text?.split("\n")[0]);
  }));
}

function examples(content) {
  return Object.entries(content.examples ?? {}).map(([name, example]) => element("details", {},
    element("summary", {}, "Example: ", element("code", {}, name)),
    element("pre", { tabindex: "0" }, JSON.stringify(resolved(example).value, null, 2))));
}

function body(content, isRequest) {
  return Object.entries(content ?? {}).flatMap(([type, one]) => [
    element("p", {}, element("code", {}, type), " ", kind(one.schema)),
    isRequest ? members(resolved(one.schema)) : null,
    ...examples(one),
  ]);
}

function answer([status, reference]) {
  const response = resolved(reference);
  const headers = Object.entries(response.headers ?? {});
  return element("details", {},
    element("summary", {},
      element("strong", { class: status < 400 ? "good" : "bad" }, status), " ",
      line(response.description.replace(/\n+/g, " "))),
    ...body(response.content, false),
    headers.length ? element("h4", {}, "Headers") : null,
    headers.length ? element("dl", {}, headers.flatMap(([name, header]) => {
      const { schema, required, description } = resolved(header);
      return entry(name, schema, required, description);
    })) : null);
}

/** Who may ask, in words. */
function access(security) {
  const ways = security.map((way) => Object.keys(way).join(" and ") || "nothing");
  return ways.length ? `Authenticated by ${ways.join(", or ")}.` : "Anyone may ask.";
}

function operation(method, path, described) {
  const parameters = (described.parameters ?? []).map(resolved);
  const search = [method, path, described.summary, described.operationId].join(" ").toLowerCase();
  return element("details", { id: described.operationId, class: "operation", "data-search": search },
    element("summary", {}, element("h3", {},
      element("span", { class: `method ${method}` }, method.toUpperCase()),
      path,
      element("span", { class: "words" }, described.summary))),
    ...prose(described.description),
    element("p", { class: "quiet" }, access(described.security ?? api.security ?? [])),
    parameters.length ? element("h4", {}, "Parameters") : null,
    parameters.length ? element("dl", {}, parameters.flatMap((one) =>
      entry(`${one.name} (${one.in})`, one.schema, one.required, one.description))) : null,
    described.requestBody ? element("h4", {}, "Body") : null,
    ...body(described.requestBody?.content, true),
    element("h4", {}, "Answers"),
    ...Object.entries(described.responses).map(answer));
}

function show() {
  const { info, tags, paths, components } = api;
  document.title = info.title;
  document.getElementById("title").textContent = info.title;
  document.getElementById("summary").textContent = `${info.summary} Version ${info.version}.`;
  document.getElementById("description").append(...prose(info.description));
  const all = Object.entries(paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => [method, path, item[method]]));
  for (const tag of tags) {
    const own = all.filter(([, , described]) => described.tags.includes(tag.name));
    document.getElementById("operations").append(element("section", { class: "tag" },
      element("h2", {}, tag.name),
      element("p", { class: "quiet" }, tag.description),
      own.map((one) => operation(...one))));
  }
  document.getElementById("schemas").append(...Object.entries(components.schemas)
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([name, schema]) => element("details", { id: `schema-${name}` },
      element("summary", {}, element("h3", {}, name)),
      ...prose(schema.description),
      schema.properties ? members(schema) : element("p", { class: "quiet" }, kind(schema)))));
  for (const id of ["about", "search", "schemas"]) document.getElementById(id).hidden = false;
}

/** Opens what the address points to. */
function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

function filter() {
  const words = document.getElementById("filter").value.toLowerCase().split(/\s+/);
  let count = 0;
  for (const one of document.querySelectorAll(".operation")) {
    one.hidden = !words.every((word) => one.dataset.search.includes(word));
    count += one.hidden ? 0 : 1;
  }
  for (const section of document.querySelectorAll(".tag")) {
    section.hidden = !section.querySelector(".operation:not([hidden])");
  }
  document.getElementById("found").textContent = words.join("") ? `${count} found` : "";
}

async function start() {
  const state = document.getElementById("state");
  try {
    const answered = await fetch("openapi.json");
    if (!answered.ok) throw new Error(`the server answered ${answered.status}`);
    api = await answered.json();
    show();
    state.remove();
  } catch (error) {
    state.setAttribute("role", "alert");
    state.textContent = `The document could not be shown: ${error.message}.`;
    return;
  }
  document.getElementById("filter").addEventListener("input", filter);
  document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("toggle", ({ target, newState }) => {
    if (newState === "open" && target.id) history.replaceState(null, "", `#${target.id}`);
  }, true);
  addEventListener("hashchange", open);
  open();
}

start();
