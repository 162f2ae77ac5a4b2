/** The test that is being executed: what a failing property names in its replay command. Empty outside `npm test`. */
export const current: { file: string; suite: string; title: string } = { file: '', suite: '', title: '' };
