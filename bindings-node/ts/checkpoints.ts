/**
 * Checkpoints for a function of the caller's, which keeps them where this machine cannot change them.
 *
 * The promise: it is called with one after the other; no call waits for it; and of what it throws, only the class goes on.
 * At the end of the process it is told the last ones too, and what it does later than at once is waited for no more.
 */
import { FunctionsByClient } from "./functions";
import type { NativeClient } from "./native";
import { classOf } from "./tokens";

/** The end of the trail's chain at some time: record `seq` of `segment` had this `hash`, and was on the disk. */
export interface Checkpoint {
  /** Version of the checkpoint's form. */
  readonly v: number;
  /** When it was taken: RFC 3339, UTC. */
  readonly ts: string;
  /** The machine whose trail it is. */
  readonly host: string;
  /** The random name of the client that wrote the record. */
  readonly run: string;
  /** The file that holds the record. */
  readonly segment: string;
  /** The number of the record within it. */
  readonly seq: number;
  /** Its hash. */
  readonly hash: string;
}

/** What keeps checkpoints. */
export type CheckpointFunction = (checkpoint: Checkpoint) => unknown;

const functions = new FunctionsByClient<[Checkpoint], unknown>();

/** Calls `note` with the checkpoints of this client. */
export function registerCheckpoints(client: NativeClient, note: CheckpointFunction): void {
  functions.add(client, note);
}

/** It is closed: its last checkpoint has been told. */
export function forgetCheckpoints(client: NativeClient): void {
  functions.delete(client);
}

/** Those that a function has been told of, and has not returned from. */
const open = new Map<number, NativeClient>();

/** One is to be taken note of. */
export async function serveCheckpoint(number: number, json: string): Promise<void> {
  const told = asked(json);
  if (!told) return;
  open.set(number, told.client);
  let raised: string | null = null;
  try {
    await told.called(told.checkpoint);
  } catch (thrown) {
    raised = classOf(thrown);
  }
  if (open.delete(number)) told.client.answerCheckpoint(number, raised);
}

/** Whether a function on this thread has checkpoints to come. */
export function keepsCheckpoints(): boolean {
  return functions.size > 0;
}

/** The same at the end of the process, when no promise is settled any more. */
export function serveLastCheckpoint(number: number, json: string): void {
  const told = asked(json);
  if (!told) return;
  // Before it is called: it may end the process in the middle.
  open.set(number, told.client);
  let raised: string | null = null;
  try {
    if (isThenable(told.called(told.checkpoint))) return;
  } catch (thrown) {
    raised = classOf(thrown);
  }
  if (open.delete(number)) told.client.answerCheckpoint(number, raised);
}

/** Lets nobody wait for what can be answered no more. */
export function abandonCheckpoints(): void {
  for (const [number, client] of open) client.abandonCheckpoint(number);
  open.clear();
}

function asked(json: string) {
  const told = JSON.parse(json) as { client: number; checkpoint: Checkpoint };
  const found = functions.of(told.client);
  return found && { ...found, checkpoint: told.checkpoint };
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
