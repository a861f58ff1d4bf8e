// The socket to the tuner: messages by type, pictures with their descriptions; connects again by itself.
const LONGEST_WAIT = 3000; // ms

export class Link extends EventTarget {
  #socket = null;
  #wait = 250;
  #number = 0;
  #answers = new Map();

  constructor() {
    super();
    this.#connect();
  }

  get open() {
    return this.#socket !== null && this.#socket.readyState === WebSocket.OPEN;
  }

  send(content) {
    if (this.open) this.#socket.send(JSON.stringify(content));
    return this.open;
  }

  // Asks the segmenter for a change; gives {done, reason}.
  set(name, value) {
    const id = ++this.#number;
    return new Promise((resolve) => {
      if (!this.send({ type: "set", id, name, value })) {
        resolve({ done: false, reason: "the tuner is not connected" });
        return;
      }
      this.#answers.set(id, resolve);
    });
  }

  #connect() {
    const address = new URL("socket", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.search = "";
    this.#socket = new WebSocket(address);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => {
      this.#wait = 250;
      this.dispatchEvent(new Event("open"));
    };
    this.#socket.onmessage = (event) => this.#take(event.data);
    this.#socket.onclose = () => this.#lost();
  }

  #lost() {
    for (const resolve of this.#answers.values()) resolve({ done: false, reason: "the tuner has gone" });
    this.#answers.clear();
    this.dispatchEvent(new Event("close"));
    setTimeout(() => this.#connect(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  #take(data) {
    const content = typeof data === "string" ? JSON.parse(data) : described(data);
    if (content.type === "result") {
      this.#answers.get(content.id)?.(content);
      this.#answers.delete(content.id);
    } else {
      this.dispatchEvent(new CustomEvent(content.type, { detail: content }));
    }
  }
}

function described(data) {
  const length = new DataView(data).getUint32(0, true);
  const content = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  content.blob = new Blob([new Uint8Array(data, 4 + length)], { type: `image/${content.format}` });
  return content;
}
