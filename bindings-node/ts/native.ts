/**
 * The private native module: what it offers.
 *
 * It carries plain data only. What can fail returns a text or throws nothing: errors are built in `errors.ts`, where
 * they get a class and a stack.
 */
import { nativeModule } from "./platform";

/**
 * What comes from the completion queue. Results that `JSON.parse` reads well come together, as one JSON array of all their
 * values (`resultOf`). Any other message is a letter for its kind, the number that starting the call returned, a space, and
 * JSON text. `d`: the last message of the call; `r`: the terminal result for `onResult`; `t` and `c`: the client whose
 * number it is needs a token, or has a checkpoint; `a`: the batch of the call has room for another one.
 */
export type NativeMessage = `${"[" | "d" | "r" | "t" | "c" | "a"}${string}`;

/** What one batch has under way. */
export interface NativeBatch {
  /** How many requests may have been started and not be over. */
  room(): number;
}

/** The completion queue of this thread. */
export interface NativeQueue {
  /** Everything that is ready, oldest first. */
  drain(): NativeMessage[];
  /** From now on `wake` is called when there is something to drain. */
  listen(wake: () => void): void;
  /** Nothing of this queue is left in the event loop. */
  rest(): void;
}

/** JSON text of an object with exactly one of `value` and `error`. */
export type Tagged = string;

/** A client as the core holds it. A method that starts a call returns its number, or the JSON text of an error. */
export interface NativeClient {
  invoke(
    queue: NativeQueue,
    request: string,
    findings: string | null,
    timeoutMs: number | null,
  ): number | string;
  run(
    queue: NativeQueue,
    request: string,
    findings: string | null,
    timeoutMs: number | null,
    deliver: boolean,
  ): number | string;
  /** One of many: where the line is full it waits for a place. */
  runOfMany(
    queue: NativeQueue,
    batch: NativeBatch,
    request: string,
    findings: string | null,
    timeoutMs: number | null,
  ): number | string;
  poll(queue: NativeQueue, target: string, timeoutMs: number | null, deliver: boolean): number | string;
  describe(queue: NativeQueue, actionId: string): number | string;
  check(request: string, findings: string | null, at: string | null): Tagged;
  /** The digest. The policy is the JSON text of a path or of the structure itself. */
  reloadPolicy(policy: string | null): Tagged;
  listenCallbacks(queue: NativeQueue, host: string, port: number, publicUrl: string | null): number | string;
  closeListener(number: number): void;
  expectCallbacks(publicUrl: string): Tagged;
  /** The headers are names and values by turns. */
  notify(path: string, headers: string[], rawBody: Uint8Array): boolean;
  close(queue: NativeQueue, timeoutMs: number | null): number | string;
  cancel(call: number): void;
  answer(call: number, raised: string | null): void;
  answerCheckpoint(number: number, raised: string | null): void;
  /** Nobody will learn what the function came to: the process ends. */
  abandonCheckpoint(number: number): void;
  /** What it shows of itself, as a JSON object. */
  shown(): string;
  /** By which a request for a token, or a checkpoint, names this client. */
  number(): number;
  takeTokenRequest(request: number): boolean;
  answerTokenRequest(
    request: number,
    outcome: "token" | "raised" | "returned",
    text: string,
    seconds: number | null,
  ): void;
  metrics(): NativeSnapshot | string;
  recover(): Tagged;
  records(filter: string): NativeRecords | Tagged;
  export(path: string, format: string, filter: string): Tagged;
  verify(checkpoints?: string): Tagged;
  flush(): Tagged;
}

/** The numbers of one moment. */
export interface NativeSnapshot {
  json(): string;
  prometheus(): string;
}

/** A reading of the trail, a page at a time. */
export interface NativeRecords {
  /** The next records as a JSON array; an empty one at the end. */
  next(count: number): Tagged;
}

/** A gateway on a loopback port. */
export interface NativeSandbox {
  baseUrl(): string;
  clientId(): string;
  clientSecret(): string;
  accessKeyId(): string;
  accessKeySecret(): string;
  options(): string;
  environ(): string;
  requests(): string;
  executions(correlationId: string): number;
  inject(point: string, fault: string, times: string): Tagged;
  clear(): void;
  close(): void;
}

/** What the native module exports. */
export interface Native {
  readonly NativeBatch: new (concurrency: number) => NativeBatch;
  readonly NativeQueue: new () => NativeQueue;
  version(): string;
  /** The public surface as the core knows it. */
  surface(): string;
  openClient(options: string, asksForTokens: boolean, checkpoints: NativeQueue | null): NativeClient | string;
  openSandbox(options: string): NativeSandbox | string;
  /** The error of a result that did not complete, from the JSON text of its fields. */
  statusError(result: string): string | null;
  /** Blocks. A listener to `exit` that holds nothing of ours. */
  drainAtExit(): void;
  /** Blocks; `serve` is called again and again meanwhile, and must not throw. */
  drainAtExitServing(serve: () => void): void;
  /** So long a function for tokens is waited for. */
  tokenPatienceMs(): number;
  /** Whether a client of this process still has something to record at its end. */
  hasClients(): boolean;
  /** The `process` of the realm that loaded the native module. */
  process(): unknown;
  /** What the library has to say is kept from this level on: `off`, `error`, `warning`, `info` or `debug`. */
  setLogLevel(level: string): void;
  /** What was said since the last time, each as a JSON object. */
  takeLog(): string[];
  main(args: string[]): number;
}

export const native = nativeModule() as Native;
