// Calls to the sandbox's control API, which stands one level above this page.

export class Refused extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

async function request(path, init) {
  let response;
  try {
    response = await fetch(`../${path}`, init);
  } catch {
    throw new Refused(0, "The sandbox does not answer.", "Is it still running?");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Refused(response.status, body.message ?? `The sandbox answered ${response.status}.`, body.hint ?? "");
  }
  return body;
}

const asJson = (method, body) => ({
  method,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
const at = (number) => `phones/${encodeURIComponent(number)}`;

export const readDirectory = (phones) => request(`handset/directory?phones=${phones.join(",")}`);

export function readThread(number, before = null) {
  const more = before === null ? "" : `?before=${before}`;
  return request(`handset/${at(number)}/messages${more}`);
}

export const changePhone = (number, changes) => request(at(number), asJson("PUT", changes));
export const write = (number, message) => request(`${at(number)}/messages`, asJson("POST", message));
export const endWindows = (number) => request(`${at(number)}/windows`, { method: "DELETE" });
export const readNow = (number, ids) => request(`${at(number)}/read`, asJson("POST", { message_ids: ids }));

export function writeFile(number, message, file) {
  const form = new FormData();
  form.append("message", JSON.stringify(message));
  form.append("file", file, file.name);
  return request(`${at(number)}/messages`, { method: "POST", body: form });
}

const inGroup = (group, what, number) =>
  request(`groups/${encodeURIComponent(group)}/${what}`, asJson("POST", { phone: number }));

export const joinGroup = (group, number) => inGroup(group, "join", number);
export const leaveGroup = (group, number) => inGroup(group, "leave", number);
