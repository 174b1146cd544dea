// The HTTP API, as a system that hands in files uses it.

/** Calls the API of `portal` with `key`; every call throws unless it succeeds, and gives the parsed answer. */
export class Api {
  constructor(portal, key) {
    this.base = `${portal.url}/api/v1`;
    this.key = key;
  }

  get(path) {
    return this.send('GET', path);
  }

  post(path, document) {
    return this.send('POST', path, JSON.stringify(document), { 'Content-Type': 'application/json' });
  }

  /** Hands in a sample as a form does: multipart, with the fields beside the file. */
  postForm(path, sample, fields) {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob([sample.bytes], { type: sample.type }), sample.name);
    return this.send('POST', path, form);
  }

  /** Hands in a sample as the body itself. */
  postFile(path, sample, query) {
    const address = `${path}?${new URLSearchParams(query)}`;
    return this.send('POST', address, sample.bytes, { 'Content-Type': sample.type });
  }

  async send(method, path, body, headers = {}) {
    const answer = await fetch(this.base + path, {
      method,
      body,
      headers: { Authorization: `Bearer ${this.key}`, ...headers },
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }
}
