// The types of the page's data and state, for the checker alone: `tsc --noEmit -p .`

/** What `view/packed.rs` writes. */
export interface Data {
  kind: 'runs' | 'gallery' | 'interleaving';
  links: { book: string; source: string };
  scenes: PackedScene[];
  interleavings?: Interleaving[];
  forms: Forms;
}

/** How rows are drawn: what `view/forms.rs` writes. */
export interface Forms {
  all: { name: string; stem: string; turned: boolean; parts: [string, string][]; side: string; meaning: string }[];
  /** A further path in a callback of one of the events in `bad`. */
  dash: [string, string];
  bad: string[];
  /** How far a bar between two lanes goes beyond them, and to each side. */
  bar: [number, number];
}

/** What the explorer has printed. */
export interface Interleaving {
  title: string;
  teaches: string;
  toml: string;
  what: string;
  threads: string[];
  schedule: string;
  violation: string;
  minimal: boolean;
  segments: { task: number; points: number | null; preempted: boolean }[];
  rows: Line[];
  hidden: number;
  /** Every row; none if only those that matter are known. */
  all: Line[];
}

/** One operation of a thread, or a note. */
export interface Line {
  task: number;
  n: number;
  op: string | null;
  object: string | null;
  before: string | null;
  after: string | null;
  src: string | null;
  line: string | null;
  note: string | null;
  waits_for_ever: string | null;
  held: string[];
}

export interface PackedScene {
  name: string;
  title: string;
  teaches: string;
  text: string;
  places: [number, number, number][];
  /** The columns in which a run lacks a row that it could have. */
  differs: number[];
  runs: PackedRun[];
}

export interface PackedRun {
  arm: string;
  epoch: string;
  release: string;
  /** It has what the users do, and not the steps alone. */
  whole: boolean;
  end: string[];
  lanes: [string, string][];
  threads: string[];
  locks: string[];
  buffers: Buffer[];
  kinds: Kind[];
  texts: string[];
  rows: {
    at: number[];
    column: number[];
    thread: number[];
    lane: number[];
    from: number[];
    kind: number[];
    value: (number | null)[];
    held: number[];
    foreign: number[];
    code: number[];
    text: number[];
    detail: number[];
    place: number[];
    source: number[];
  };
}

export interface Buffer {
  name: string;
  side: string;
  /** Which way (0: from A to P), and which place on it: written, between, read. */
  way: [number, number];
  /** The top of its chart. */
  most: number;
  mark: string;
  /** The row from which on so many bytes are in it, under this mark. */
  levels: [number, number, number][];
}

export interface Kind {
  name: string;
  shape: string;
  mirrors: string;
  page: string;
  step: boolean;
}

/** A run, ready to be drawn. */
export interface Run extends PackedRun {
  index: number;
  length: number;
  /** The row in each column; -1 if this run has none there. */
  rowAt: Int32Array;
  /** The last row in or before each column; -1 before the first. */
  last: Int32Array;
  /** How many rows up to this one are steps. */
  steps: Int32Array;
}

export interface Scene extends Omit<PackedScene, 'runs' | 'differs'> {
  runs: Run[];
  columns: number;
  /** 1 where a run has no row that it could have. */
  differs: Uint8Array;
  /** The largest level of the buffers of each way and place, for one scale in all runs. */
  most: Map<string, number>;
}

/** What is shown, and where the cursor is. */
export interface State {
  scene: Scene;
  run: number;
  column: number;
  /** The width of a column. */
  width: number;
}
