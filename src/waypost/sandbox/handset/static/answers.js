// What the buttons of a business's message make the customer do.

import { placeSheet } from "./attach.js";
import { h } from "./dom.js";
import { field, formOf } from "./sheet.js";

// `answer(what)` gives the sandbox the answer to the message: {choose} or {data}.
export function press(button, sheets, answer) {
  switch (button.does) {
    case "reply":
      return answer({ choose: button.id });
    case "share":
      return answer({});
    case "list":
      return listSheet(button, sheets, answer);
    case "place":
      return placeSheet(sheets, (location) => answer({ data: location }, true));
    case "address":
      return valuesSheet("Provide an address", { name: "", address: "", city: "", in_pin_code: "", ...button.values }, sheets, answer);
    case "form":
      return formSheet(sheets, answer);
    default:
      return orderSheet(button, sheets, answer);
  }
}

function listSheet(button, sheets, answer) {
  const name = `row-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const sections = button.sections.map((section) =>
    h(
      "fieldset",
      { class: "list-section" },
      section.title ? h("legend", { dir: "auto" }, section.title) : h("legend", { class: "hidden" }, "Choices"),
      section.rows.map((row) =>
        h("label", { class: "list-row" }, h("span", { class: "file-text" }, h("span", { dir: "auto" }, row.title), row.description ? h("span", { class: "about", dir: "auto" }, row.description) : null), h("input", { type: "radio", name, value: row.id, required: true })),
      ),
    ),
  );
  const form = formOf(sections, "Send", async () => {
    await answer({ choose: form.querySelector("input:checked").value }, true);
    sheets.close();
  });
  sheets.open(button.label || "Choose", form);
}

function valuesSheet(title, values, sheets, answer) {
  const fields = Object.entries(values).map(([name, value]) => [name, field(name.replaceAll("_", " "), { value, autocomplete: "off" })]);
  const submit = async () => {
    const data = Object.fromEntries(fields.map(([name, one]) => [name, one.input.value]).filter(([, value]) => value));
    await answer({ data }, true);
    sheets.close();
  };
  sheets.open(title, formOf(fields.map(([, one]) => one.row), "Send", submit));
}

function formSheet(sheets, answer) {
  const rows = h("div", { class: "form" });
  const pairs = [];
  const add = () => {
    const pair = [field("Name", { autocomplete: "off" }), field("Value", { autocomplete: "off" })];
    pairs.push(pair);
    rows.append(h("div", { class: "pair" }, pair[0].row, pair[1].row));
  };
  add();
  const more = h("button", { type: "button", class: "chip", onclick: add }, "Another value");
  const submit = async () => {
    const data = Object.fromEntries(pairs.map(([name, value]) => [name.input.value.trim(), value.input.value]).filter(([name]) => name));
    await answer({ data }, true);
    sheets.close();
  };
  const about = h("p", { class: "about" }, "The form itself lives at Meta. Say here what a customer would have filled in.");
  sheets.open("Fill in the form", formOf([about, rows, more], "Send the form", submit));
}

function orderSheet(button, sheets, answer) {
  const known = button.products.map((product) => [product, field(product.id, { type: "number", min: 0, max: 99, value: 1 })]);
  const other = known.length ? null : field("Product id", { required: true, autocomplete: "off" });
  const note = field("Message to the business", { maxlength: 1000, autocomplete: "off" });
  const item = (id, quantity) => ({ product_retailer_id: id, quantity, item_price: 1, currency: "USD" });
  const submit = async () => {
    const items = known.filter(([, one]) => Number(one.input.value) > 0).map(([product, one]) => item(product.id, Number(one.input.value)));
    if (other) items.push(item(other.input.value, 1));
    const data = { product_items: items };
    if (note.input.value) data.text = note.input.value;
    await answer({ data }, true);
    sheets.close();
  };
  const about = h("p", { class: "about" }, "The sandbox knows the products by their ids only, and gives each the price of 1 USD.");
  sheets.open("Order", formOf([about, known.map(([, one]) => one.row), other?.row, note.row], "Send the order", submit));
}
