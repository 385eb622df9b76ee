//! `Pattern`: tells a reader who goes through the object from one who jumps about in it.

use std::ops::Range;

/// How many reads in a row may miss the stream before it is given up.
const STRAYS: u32 = 4;

/// What a read turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It goes on where others were, give or take the order in which pipelined reads arrive.
    Stream,
    /// The reader has moved, and goes on from here.
    Restart,
    /// It stands alone.
    Stray,
    /// It stands alone as those before it did: there is no stream any more.
    Abandoned,
}

/// The reads of one handle. All numbers in bytes.
#[derive(Debug)]
pub(super) struct Pattern {
    initial: u64,
    max: u64,
    /// How far a read may be ahead of the others and still belong to them.
    slack: u64,
    stream: Option<Stream>,
    strays: u32,
    stray_end: Option<u64>,
}

#[derive(Debug)]
struct Stream {
    /// The end of the furthest read.
    cursor: u64,
    /// What was read since it began.
    run: u64,
}

impl Pattern {
    /// A reader is expected at the start of the object.
    pub(super) fn new(initial: u64, max: u64, slack: u64) -> Self {
        Self {
            initial,
            max: max.max(initial),
            slack,
            stream: Some(Stream { cursor: 0, run: 0 }),
            strays: 0,
            stray_end: None,
        }
    }

    /// Takes note of a read.
    pub(super) fn observe(&mut self, range: &Range<u64>) -> Access {
        let (window, back) = (self.window(), self.max);
        let len = range.end - range.start;
        if let Some(stream) = &mut self.stream
            && range.start <= stream.cursor + window.max(self.slack)
            && range.end + back >= stream.cursor
        {
            stream.cursor = stream.cursor.max(range.end);
            stream.run += len;
            self.strays = 0;
            return Access::Stream;
        }
        let before = self.stray_end.replace(range.end);
        if before.is_some_and(|end| (end..=end + self.slack).contains(&range.start)) {
            self.stream = Some(Stream {
                cursor: range.end,
                run: len,
            });
            (self.strays, self.stray_end) = (0, None);
            return Access::Restart;
        }
        self.strays += 1;
        if self.strays < STRAYS {
            return Access::Stray;
        }
        self.stream = None;
        Access::Abandoned
    }

    /// The end of the furthest read of the stream.
    pub(super) fn cursor(&self) -> u64 {
        self.stream.as_ref().map_or(0, |stream| stream.cursor)
    }

    /// How far to run ahead: little at first, and much as soon as the reader stays.
    pub(super) fn window(&self) -> u64 {
        let run = self.stream.as_ref().map_or(0, |stream| stream.run);
        run.saturating_mul(8)
            .saturating_add(self.initial)
            .min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(pattern: &mut Pattern, reads: &[u64]) -> Vec<Access> {
        reads
            .iter()
            .map(|at| pattern.observe(&(*at..at + 10)))
            .collect()
    }

    #[test]
    fn the_window_grows_while_reads_go_on() {
        let mut pattern = Pattern::new(50, 1000, 100);
        assert_eq!(pattern.window(), 50);
        assert_eq!(observe(&mut pattern, &[0, 10, 20]), [Access::Stream; 3]);
        assert_eq!((pattern.cursor(), pattern.window()), (30, 290));
        observe(
            &mut pattern,
            &(3..20).map(|read| read * 10).collect::<Vec<_>>(),
        );
        assert_eq!(pattern.window(), 1000);
    }

    #[test]
    fn pipelined_reads_may_overtake_each_other() {
        let mut pattern = Pattern::new(50, 1000, 100);
        assert_eq!(
            observe(&mut pattern, &[90, 0, 40, 20, 80, 10]),
            [Access::Stream; 6]
        );
    }

    #[test]
    fn a_reader_who_moves_is_followed() {
        let mut pattern = Pattern::new(50, 1000, 100);
        let found = observe(&mut pattern, &[0, 5000, 5010, 5020]);
        assert_eq!(
            found,
            [
                Access::Stream,
                Access::Stray,
                Access::Restart,
                Access::Stream
            ]
        );
        assert_eq!(pattern.cursor(), 5030);
    }

    #[test]
    fn a_few_strays_do_not_end_a_stream_but_many_do() {
        let mut pattern = Pattern::new(50, 1000, 100);
        let found = observe(&mut pattern, &[0, 9000, 5000, 7000, 10]);
        assert_eq!(
            found[1..],
            [Access::Stray, Access::Stray, Access::Stray, Access::Stream]
        );
        let found = observe(&mut pattern, &[9000, 5000, 7000, 3000, 9000]);
        assert_eq!(found[3..], [Access::Abandoned; 2]);
    }
}
