/**
 * Checkpoints for a function of the caller's, which keeps them where this machine cannot change them.
 *
 * The promise: it is called with one after the other; no call waits for it; and of what it throws, only the class goes on.
 */
import { AsyncResource } from "node:async_hooks";
import type { NativeClient } from "./native";
import { classOf } from "./tokens";

/** The end of the trail's chain at some time: record `seq` of `segment` had this `hash`, and was on the disk. */
export interface Checkpoint {
  readonly v: number;
  readonly ts: string;
  readonly host: string;
  readonly run: string;
  readonly segment: string;
  readonly seq: number;
  readonly hash: string;
}

/** What keeps checkpoints. */
export type CheckpointFunction = (checkpoint: Checkpoint) => unknown;

/** A function lives as long as its client does, and a client may be in what its function remembers. */
const functions = new WeakMap<NativeClient, CheckpointFunction>();
const clients = new Map<number, WeakRef<NativeClient>>();
const gone = new FinalizationRegistry<number>((number) => clients.delete(number));

/** Calls `note` with the checkpoints of this client. */
export function registerCheckpoints(client: NativeClient, note: CheckpointFunction): void {
  const number = client.number();
  functions.set(client, AsyncResource.bind(note));
  clients.set(number, new WeakRef(client));
  gone.register(client, number);
}

/** One is to be taken note of. */
export async function serveCheckpoint(number: number, json: string): Promise<void> {
  const told = JSON.parse(json) as { client: number; checkpoint: Checkpoint };
  const client = clients.get(told.client)?.deref();
  const note = client && functions.get(client);
  if (!note) return;
  let raised: string | null = null;
  try {
    await note(told.checkpoint);
  } catch (thrown) {
    raised = classOf(thrown);
  }
  client.answerCheckpoint(number, raised);
}
