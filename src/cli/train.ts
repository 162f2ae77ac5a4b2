/** x */
export async function train(args: readonly string[]): Promise<number> { return args.length; }
