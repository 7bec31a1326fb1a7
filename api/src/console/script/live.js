// What others do, as it happens: the event stream of the API, followed while the page is looked at.

/** How long events gather before the page looks again, in milliseconds. */
const GATHER = 60;
/** How long to wait before a stream that was refused is tried again, in milliseconds. */
const AGAIN = 1000;

export function follow(address, refresh) {
  let stream = null;
  let waiting = null;
  let reached = 0;

  /** Looks again, at what is made of everything up to the last event. */
  const look = (event) => {
    reached = Math.max(reached, Number(event?.lastEventId ?? 0));
    waiting ??= setTimeout(() => {
      waiting = null;
      refresh(reached);
    }, GATHER);
  };

  const state = (word) => (document.documentElement.dataset.live = word);

  function open() {
    stream = new EventSource(address);
    let begun = false;
    stream.onopen = () => {
      state("on");
      // What happened while nobody followed is in no event any more, perhaps.
      if (begun) look();
      begun = true;
    };
    stream.onmessage = look;
    stream.onerror = () => {
      state("off");
      // Where the connection is lost, the browser comes back by itself, with the last event that it saw.
      if (stream?.readyState === EventSource.CLOSED) setTimeout(() => document.hidden || open(), AGAIN);
    };
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stream?.close();
      stream = null;
    } else if (!stream) {
      open();
      look();
    }
  });
  addEventListener("pagehide", () => stream?.close());
  open();
}
