/** The client: the whole sentence in one place. It decides nothing; what it is told goes to the core as it is. */
import { AuditTrail } from "./audit";
import { type CallbackHeaders, CallbackListener, type ListenOptions, received, textOf } from "./callbacks";
import { begin, Call, closed, opened, type Reads, start, theQueue } from "./calls";
import { registerCheckpoints } from "./checkpoints";
import { encodeOptions, encodeRequest, findingsText, isList, timeText } from "./encode";
import { at, placed, refusal, siteOf, unwrap } from "./from-core";
import { inspectCustom } from "./inspect";
import { followLog } from "./log";
import { Metrics } from "./metrics";
import { type NativeClient, native } from "./native";
import {
  type CheckOptions,
  type ClientOptions,
  type CloseOptions,
  callOptions,
  type DescribeOptions,
  type FileUrl,
  type InvokeOptions,
  mustBePlain,
  optionsText,
  type Policy,
  type RunManyOptions,
  splitFunctions,
  type WaitOptions,
} from "./options";
import type { Outcome } from "./outcome";
import type { ActionRequests, RequestOf } from "./request";
import {
  ActionDescription,
  type ActionResult,
  Invocation,
  type OutputMap,
  readResult,
  readUnfinished,
  type Unfinished,
  Verdict,
} from "./results";
import { type Run, runMany } from "./run-many";
import { registerToken } from "./tokens";
import { fileText, withoutUrls } from "./urls";

const SIGNAL = "an AbortSignal";
const MILLISECONDS = "a number of milliseconds";
const MOMENT = "a Date or text in RFC 3339";
const LISTEN = { host: "text", port: "a port from 0 to 65535", publicUrl: "text" };
const TIMED = { signal: SIGNAL, timeoutMs: MILLISECONDS };
const WAIT = { ...TIMED, onResult: "a function" };
const MANY = { ...TIMED, concurrency: "a whole number from 1" };

const INVOCATION: Reads<Invocation> = { said: "invocation", read: Invocation.read };
const RESULT: Reads<ActionResult<never>> = { said: "result", read: readResult };
const DESCRIPTION: Reads<ActionDescription> = { said: "description", read: ActionDescription.read };
const NOTHING: Reads<void> = { said: "value", read: () => undefined };

/**
 * Invokes actions once, learns what became of them, and keeps the proof.
 *
 * A client holds a connection pool and a token: make one, use it for every call, close it at the end.
 *
 * ```js
 * await using client = new Client({ baseUrl, clientId, clientSecret });
 * const result = await client.run({ actionId, inputs: { customerId: "CUST-998877", priority: 1 } });
 * ```
 */
export class Client {
  readonly #native: NativeClient;
  readonly #audit: AuditTrail;

  /**
   * Checks the options and touches no network.
   *
   * @throws {ConfigError} names every option that cannot work
   * @throws {AuditError} when the trail's directory cannot be written
   */
  constructor(options: ClientOptions = {}) {
    const site = siteOf(new.target);
    const { token, checkpoints, others } = placed(site, () => splitFunctions(options));
    followLog();
    const client = native.openClient(
      placed(site, () => optionsText(withoutUrls(others))),
      token !== undefined,
      checkpoints ? theQueue() : null,
    );
    if (typeof client === "string") throw at(refusal(client), site);
    if (token) registerToken(client, token);
    if (checkpoints) registerCheckpoints(client, checkpoints);
    opened();
    this.#native = client;
    this.#audit = AuditTrail.of(client);
  }

  /**
   * Submits an action and returns as soon as the gateway has accepted it.
   *
   * @throws {ValidationError} the request breaks the contract; nothing was sent
   * @throws {OutcomeUnknownError} it was sent, and no trustworthy answer came back, or none before the deadline. One that
   * passes before it is sent throws another error, whose `executed` is `"no"`
   * @throws {CxoneError} of the other kinds, each with `executed`
   */
  invoke<Inputs extends object>(
    request: RequestOf<Inputs>,
    options?: InvokeOptions | null,
  ): Promise<Invocation> {
    const site = siteOf(own("invoke"));
    return start(this.#native, site, INVOCATION, (call, queue) => {
      const { signal, timeoutMs } = callOptions<InvokeOptions>(options, TIMED, request);
      if (!call.waits(signal)) return undefined;
      const { text, findings } = encodeRequest(request);
      return this.#native.invoke(queue, text, findingsText(findings), timeoutMs ?? null);
    });
  }

  /**
   * Waits for the terminal state of what `invoke` returned, of a bare invocation id, or of a `resumeToken`.
   *
   * @throws {PollTimeoutError} the deadline passed; its `resumeToken` goes on waiting
   * @throws {CxoneError} of the other kinds
   */
  poll<Outputs = OutputMap>(
    invocation: Invocation | string,
    options?: WaitOptions<ActionResult<Outputs>> | null,
  ): Promise<ActionResult<Outputs>> {
    const site = siteOf(own("poll"));
    return start<ActionResult<Outputs>>(this.#native, site, RESULT, (call, queue) => {
      const { signal, timeoutMs, onResult } = callOptions<WaitOptions<ActionResult<Outputs>>>(options, WAIT);
      if (!call.waits(signal)) return undefined;
      return this.#native.poll(queue, targetText(invocation), timeoutMs ?? null, call.delivers(onResult));
    });
  }

  /**
   * `invoke` and `poll` in one, under one deadline.
   *
   * ```ts
   * const result = await client.run<{ caseId: string }>({ actionId, inputs }, { timeoutMs: 30_000 });
   * if (result.ok) console.log(result.outputs.caseId);
   * ```
   *
   * `Outputs` is the caller's word for what the action puts out; nothing checks it. Of `inputs` the compiler refuses what
   * JSON cannot say, unless `Outputs` is given without `Inputs`: then the call itself does.
   *
   * @throws {CxoneError} as both of them
   */
  run<Outputs = OutputMap, Inputs extends object = object>(
    request: RequestOf<Inputs>,
    options?: WaitOptions<ActionResult<Outputs>> | null,
  ): Promise<ActionResult<Outputs>> {
    const site = siteOf(own("run"));
    return start<ActionResult<Outputs>>(this.#native, site, RESULT, (call, queue) => {
      const given = callOptions<WaitOptions<ActionResult<Outputs>>>(options, WAIT, request);
      if (!call.waits(given.signal)) return undefined;
      const { text, findings } = encodeRequest(request);
      const delivers = call.delivers(given.onResult);
      return this.#native.run(queue, text, findingsText(findings), given.timeoutMs ?? null, delivers);
    });
  }

  /**
   * What the gateway itself says of an action, where the profile knows how to ask: its name and JSON Schemas.
   *
   * @throws {ConfigError} the profile does not know how to ask
   * @throws {RequestRejectedError} the gateway has no such action
   * @throws {CxoneError} of the other kinds; nothing is executed
   */
  describe(actionId: string, options?: DescribeOptions | null): Promise<ActionDescription> {
    const site = siteOf(own("describe"));
    return start(this.#native, site, DESCRIPTION, (call, queue) => {
      const { signal } = callOptions<DescribeOptions>(options, { signal: SIGNAL });
      if (!call.waits(signal)) return undefined;
      return this.#native.describe(queue, typeof actionId === "string" ? actionId : "");
    });
  }

  /**
   * What a call of this request would be told by contract and policy, with every reason for and against it. Nothing is
   * sent, recorded or counted.
   *
   * @throws {ConfigError} `at` is no time
   */
  check<Inputs extends object>(request: RequestOf<Inputs>, options?: CheckOptions | null): Verdict {
    const site = siteOf(own("check"));
    const { at: time } = placed(site, () => callOptions<CheckOptions>(options, { at: MOMENT }));
    const moment = time instanceof Date ? timeText(time) : (time ?? null);
    const { text, findings } = encodeRequest(request);
    return Verdict.read(unwrap(this.#native.check(text, findingsText(findings), moment), own("check")));
  }

  /**
   * Reads the policy again, or another one from now on, and returns the digest of what holds now. Each call sees one
   * whole policy, and the trail has a `config` record of the change.
   *
   * @throws {ConfigError} names every mistake in it; then the policy that holds stays
   */
  reloadPolicy(policy?: string | FileUrl | Policy | null): string {
    const site = siteOf(own("reloadPolicy"));
    const text = placed(site, () => policyText(policy));
    return unwrap<string>(this.#native.reloadPolicy(text), own("reloadPolicy"));
  }

  /**
   * Runs many requests, a bounded number at a time, and yields an outcome for each in the order in which they end.
   *
   * The requests are read lazily, never more than `concurrency` ahead of what was yielded; those that wait for a limit
   * of their own action make room for as many more. Leaving the loop early gives up the waits; what is on the wire is
   * finished in the background and recorded. A source that is left has five seconds to end.
   *
   * ```ts
   * for await (const { request, result, error } of client.runMany(requests, { concurrency: 32 })) {
   *   if (error) console.error(request.correlationId, error.executed);
   *   else console.log(request.correlationId, result.status);
   * }
   * ```
   *
   * @throws {AbortError} from the loop, when the signal is aborted
   */
  runMany<Outputs = OutputMap, Inputs extends object = object>(
    requests: ActionRequests<Inputs>,
    options?: RunManyOptions | null,
  ): AsyncGenerator<Outcome<Outputs, Inputs>, void, undefined> {
    const site = siteOf(own("runMany"));
    const { concurrency, signal, timeoutMs } = placed(site, () => callOptions<RunManyOptions>(options, MANY));
    const batch = new native.NativeBatch(concurrency ?? 64);
    const run: Run<Outputs> = (request, giveUp, resolve, reject, aside) =>
      begin(new Call(this.#native, site, RESULT, resolve, reject), (call, queue) => {
        if (!call.waits(giveUp)) return undefined;
        call.aside = aside;
        const { text, findings } = encodeRequest(request);
        return this.#native.runOfMany(queue, batch, text, findingsText(findings), timeoutMs ?? null);
      });
    return placed(site, () => runMany(requests, batch, signal, site, run));
  }

  /**
   * Listens for callbacks: from now on an invocation without a `callbackUrl` gets an unguessable one of its own. A callback
   * is a hint and no result: it makes the client look at once, and between them it looks rarely. It ends with the client,
   * or when it is closed, and keeps no process alive.
   *
   * @throws {ConfigError} nothing can listen there; `publicUrl` cannot be called, or is needed and not given; or the
   * profile's body takes no callback URL
   */
  listenCallbacks(options?: ListenOptions | null): Promise<CallbackListener> {
    const site = siteOf(own("listenCallbacks"));
    const read = (text: string) => CallbackListener.of(this.#native, text);
    return start(this.#native, site, { said: "listener", read }, (_, queue) => {
      const { host, port, publicUrl } = callOptions<ListenOptions>(options, LISTEN);
      return this.#native.listenCallbacks(queue, host ?? "127.0.0.1", port ?? 0, publicUrl ?? null);
    });
  }

  /**
   * Callbacks come to a server of your own, which hands them to `notify`: from now on an invocation without a
   * `callbackUrl` gets an unguessable one of its own below `publicUrl`, which is where the gateway reaches your server.
   *
   * @throws {ConfigError} it cannot be called, or the profile's body takes no callback URL
   */
  expectCallbacks(publicUrl: string): void {
    const site = siteOf(own("expectCallbacks"));
    const url = placed(site, () => textOf("publicUrl", publicUrl));
    unwrap(this.#native.expectCallbacks(url), own("expectCallbacks"));
  }

  /**
   * Hands on a request that your own server took for a callback: whether it was one for this client (answer 204, and 404
   * where it was not). It waits for nothing. A signature is over the bytes of the body as they came, so a body that was
   * parsed is refused.
   *
   * ```js
   * app.post("/callbacks/:id", express.raw({ type: () => true }), (request, response) => {
   *   const ours = client.notify(request.path, request.headers, request.body ?? "");
   *   response.sendStatus(ours ? 204 : 404);
   * });
   * ```
   *
   * @throws {ConfigError} names every argument that is of another type
   */
  notify(path: string, headers: CallbackHeaders, rawBody: string | Uint8Array | ArrayBuffer): boolean {
    const site = siteOf(own("notify"));
    const request = placed(site, () => received(path, headers, rawBody));
    return this.#native.notify(request.path, request.headers, request.body);
  }

  /**
   * What processes that are gone left behind in the directory of the trail. One process of a fleet recovers: nothing
   * reserves what is listed, so two would call the same again.
   *
   * @throws {AuditError} when the trail cannot be read
   */
  recover(): Unfinished[] {
    return unwrap<Parameters<typeof readUnfinished>[0][]>(this.#native.recover(), own("recover")).map(
      readUnfinished,
    );
  }

  /** A consistent snapshot of the numbers. */
  metrics(): Metrics {
    return Metrics.read(this.#native, own("metrics"));
  }

  /** The record of everything that was done and refused. */
  get audit(): AuditTrail {
    return this.#audit;
  }

  /** Stops taking calls, lets what is on the wire be recorded, and closes the trail. May be called twice. */
  close(options?: CloseOptions | null): Promise<void> {
    const site = siteOf(own("close"));
    return start(this.#native, site, NOTHING, (call, queue) => {
      const { signal, timeoutMs } = callOptions<CloseOptions>(options, TIMED);
      call.over = () => closed(this.#native);
      call.waits(signal);
      return this.#native.close(queue, timeoutMs ?? null);
    });
  }

  /** `close()`, at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal Where it calls, and how busy it is; nothing of its credentials. */
  [inspectCustom](
    _depth: number,
    options: object,
    inspect: (value: unknown, options: object) => string,
  ): string {
    if (!(#native in this)) return "Client {}";
    const shown: object = JSON.parse(this.#native.shown());
    return `Client ${inspect({ ...shown, inFlight: Metrics.read(this.#native, own("metrics")).inFlight }, options)}`;
  }
}

/** The methods as they are here: somebody may put another in the place of one, on a client or on the class. */
const OWN = Object.getOwnPropertyDescriptors(Client.prototype);

/** The method that the caller has called, for the stack of an error: it is on the stack, whatever `this` calls it. */
function own(name: Exclude<keyof typeof OWN, "audit">): CallableFunction {
  return OWN[name]?.value as CallableFunction;
}

function policyText(policy: unknown): string | null {
  if (policy === undefined || policy === null) return null;
  const path = fileText(policy);
  if (path !== undefined) return JSON.stringify(path);
  // What else JSON can say is judged by the core.
  if (typeof policy === "function" || (typeof policy === "object" && !isList(policy)))
    mustBePlain(policy, "the policy");
  return optionsText(policy, "the policy");
}

/** What `poll` was given: one of our invocations as the core said it, or whatever it is; the core judges it. */
function targetText(target: unknown): string {
  const ours = typeof target === "object" && target !== null ? Invocation.textOf(target) : undefined;
  return ours ?? encodeOptions(target).text;
}
