// How recent something is, in four steps. The dot shows the step by fill as well as by colour, so
// that it reads without colour too.
export type Age = 'fresh' | 'recent' | 'aging' | 'old';

export function ageOf(milliseconds: number): Age {
  if (milliseconds < 10_000) return 'fresh';
  if (milliseconds < 60_000) return 'recent';
  if (milliseconds < 300_000) return 'aging';
  return 'old';
}

export const ageMeaning: Record<Age, string> = {
  fresh: 'under 10 seconds',
  recent: 'under a minute',
  aging: 'under 5 minutes',
  old: '5 minutes or more',
};
