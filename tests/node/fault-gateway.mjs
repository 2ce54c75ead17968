// The gateway of raw sockets (`tests/faults`) in a process of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./support.mjs";

const PROGRAM = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "release", "fault-gateway");

/** A gateway that follows a script: `{ gateway, script, always }`, as in `tests/vectors/README.md`. */
export class FaultGateway {
  requests = [];
  counters = {};
  #executions = {};

  static async start(script) {
    assert.ok(existsSync(PROGRAM), `${PROGRAM} is not built: \`make test-node\` builds it`);
    const gateway = new FaultGateway();
    gateway.process = spawn(PROGRAM, { stdio: ["pipe", "pipe", "inherit"] });
    gateway.lines = createInterface({ input: gateway.process.stdout })[Symbol.asyncIterator]();
    const access = await gateway.#ask(JSON.stringify(script));
    gateway.baseUrl = access.base_url;
    gateway.clientId = access.client_id;
    gateway.clientSecret = access.client_secret;
    gateway.caFile = access.ca_file;
    return gateway;
  }

  /** Asks what it saw; `requests`, `counters` and `executions` say it. */
  async look() {
    const { requests, executions, altered, ...counters } = await this.#ask("counters");
    this.requests = requests;
    this.#executions = executions;
    this.counters = { ...counters, altered: altered.length };
  }

  executions(correlationId) {
    return this.#executions[correlationId] ?? 0;
  }

  close() {
    const closed = new Promise((resolve) => this.process.once("close", resolve));
    this.process.stdin.end();
    return closed;
  }

  async #ask(line) {
    this.process.stdin.write(`${line}\n`);
    const { value } = await this.lines.next();
    return JSON.parse(value);
  }
}
