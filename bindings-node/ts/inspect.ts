/** How `util.inspect` asks a value for its text. A module of its own keeps Node's types out of the public ones. */
export const inspectCustom: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;
