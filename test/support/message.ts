/** What the error of `body` says, `Name: message`, or `no error`: for tables of many bad inputs. */
export function message(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return 'no error';
}
