import type { BlobKey, ByteRange, LentBytes } from "../blob-store.ts";
import { createFlight, type Flight, type Lent, type Seat, type OpenSource } from "./shared-read.ts";

export interface SharedReads {
  /** Resolves when the first byte can be read; `undefined` if there is no such object. */
  open(key: BlobKey, range: ByteRange): Promise<LentBytes | undefined>;
  /** Whether a read of it is under way. */
  isRead(key: BlobKey): boolean;
  /** Nobody joins the reads of it that are under way. */
  forget(key: BlobKey): void;
}

/**
 * Reads of the same bytes at about the same time are one read, as when many machines pull an image that is new. It
 * goes as fast as the fastest of its readers, and keeps a few megabytes behind it. Who falls out of these reads on by
 * itself, so that nobody waits for a slow client. Nothing is kept once its last reader has left.
 */
export function createSharedReads(openSource: OpenSource): SharedReads {
  const flights = new Map<BlobKey, Set<Flight>>();
  const kept = { bytes: 0 };

  const begin = (key: BlobKey, range: ByteRange): Flight => {
    const ofKey = flights.get(key) ?? new Set();
    flights.set(key, ofKey);
    const flight = createFlight(openSource(key, range), range, kept, () => {
      ofKey.delete(flight);
      if (ofKey.size === 0 && flights.get(key) === ofKey) flights.delete(key);
    });
    ofKey.add(flight);
    return flight;
  };
  const joinable = (key: BlobKey, position: number): Flight | undefined =>
    [...(flights.get(key) ?? [])].find((flight) => flight.covers(position));

  /** The caller is a reader of the flight from now on. */
  const board = (key: BlobKey, range: ByteRange, mayJoin: boolean): Boarded => {
    const known = mayJoin ? joinable(key, range.start) : undefined;
    const flight = known ?? begin(key, range);
    return { flight, seat: flight.enter(range.start), isOurs: known === undefined };
  };

  async function* read(key: BlobKey, { start, end }: ByteRange, first: Boarded): LentBytes {
    let { seat, isOurs } = first;
    let position = start;
    try {
      while (position <= end) {
        let lent: Lent | undefined;
        let mayJoin = true;
        try {
          lent = await seat.at(position);
        } catch (error) {
          if (isOurs) throw error;
          // Whose read it was is told so. Who joined it has a try of their own, and only one.
          mayJoin = false;
        }
        if (lent === undefined) {
          seat.leave();
          ({ seat, isOurs } = board(key, { start: position, end }, mayJoin));
          continue;
        }
        const bytes = lent.bytes.subarray(0, end + 1 - position);
        position += bytes.length;
        try {
          yield bytes;
        } finally {
          lent.release();
        }
      }
    } finally {
      seat.leave();
    }
  }

  return {
    async open(key, range) {
      const boarded = board(key, range, true);
      let isThere = false;
      try {
        isThere = await boarded.flight.opened;
      } finally {
        if (!isThere) boarded.seat.leave();
      }
      return isThere ? read(key, range, boarded) : undefined;
    },
    isRead: (key) => flights.has(key),
    forget: (key) => void flights.delete(key),
  };
}

interface Boarded {
  readonly flight: Flight;
  readonly seat: Seat;
  /** Begun for this reader, not joined. */
  readonly isOurs: boolean;
}
