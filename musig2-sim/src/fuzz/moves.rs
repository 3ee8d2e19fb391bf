//! What dishonest signers can do: read from bytes, carried out by the crowd.

/// One of the two dishonest signers, 0 or 1.
pub(super) type Who = usize;

/// One step: six bytes, of which the first says what it is.
#[derive(Debug, Clone)]
pub(super) enum Move {
    /// The honest application proposes a session of all three.
    Propose { items: u8 },
    /// One of the two announces a session of its own, to everyone or in a frame.
    Announce { who: Who, items: u8, in_frame: bool },
    /// The honest application answers the sessions that it was asked about.
    Answer { joins: bool },
    /// One of the two signs a statement, which goes into the pool.
    State { who: Who, what: What },
    /// Statements from the pool, by their places, reach the honest node in one frame.
    Send { who: Who, which: [u8; 3], around: Around },
    /// The newest statements of the pool do, this many of them.
    SendNewest { who: Who, count: u8, around: Around },
    /// One of the two says what it, or another signer, holds.
    Claim { who: Who, claim: Claim, around: Around },
    /// A frame or publication that was sent before comes again, with one byte changed if `change`
    /// is not zero.
    Again { which: u8, place: u16, change: u8 },
    /// One of the two says hello.
    Hello { who: Who, late: bool },
    /// This many milliseconds pass.
    Wait(u16),
    /// Time passes until the honest node's deadline.
    Deadline,
    /// The honest node forgets everything, says hello, and resumes what its application kept.
    Restart,
    /// The honest application aborts.
    Abort,
    /// A signer becomes reachable, or unreachable.
    Reach { who: Who, lost: bool },
}

/// What a statement says.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// It joins in this life, with its contact or without one.
    Join { life: u8, reachable: bool },
    /// It states nonces for an attempt.
    Nonces { life: u8, attempt: Attempt, kind: Numbers },
    /// It states partial signatures on the nonces in the pool, under their transcript or another.
    Partials { life: u8, attempt: Attempt, kind: Numbers, rogue: bool },
    /// It aborts, perhaps with a proof made from any two statements.
    Abort { life: u8, proof: Option<[u8; 2]> },
}

/// The attempt that a statement is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attempt {
    /// The one that follows from all joins in the pool.
    Derived,
    First,
    Other,
}

/// The numbers in a statement: nonces or partial signatures.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    /// As an honest signer makes them.
    Good,
    /// As an honest signer makes them, but with one byte of the first changed.
    Spoiled { place: u8, change: u8 },
    /// The same byte repeated.
    Same(u8),
    /// Those of a statement in the pool.
    Copied(u8),
    /// One more or one fewer than there are items.
    Miscounted { more: bool },
}

/// What a frame has besides its statements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// Its request: nothing, statements, or the announcement.
    pub(super) asks: u8,
    pub(super) announcement: bool,
    /// Final signatures: none, those that were heard, or false ones.
    pub(super) signatures: u8,
}

/// A summary, true or not. Each of `joins`, `nonces` and `partials` has a bit for each signer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) signer: u8,
    pub(super) life: u8,
    pub(super) sequence: u8,
    pub(super) joins: u8,
    pub(super) nonces: u8,
    pub(super) partials: u8,
    pub(super) ended: bool,
}

impl Move {
    /// Reads a move from six bytes. Any six bytes are a move.
    pub(super) fn read([code, flags, a, b, c, d]: [u8; 6]) -> Self {
        let who = usize::from(flags & 1);
        let around = Around {
            asks: flags >> 1 & 3,
            announcement: flags & 8 != 0,
            signatures: flags >> 4 & 3,
        };
        match code % 20 {
            0 => Self::Propose { items: a },
            1 => Self::Announce { who, items: a, in_frame: b & 1 != 0 },
            2 => Self::Answer { joins: flags & 1 == 0 },
            3 => Self::State { who, what: What::Join { life: a, reachable: b & 1 == 0 } },
            4..=6 => {
                let attempt = Attempt::read(flags);
                Self::State {
                    who,
                    what: What::Nonces { life: a, attempt, kind: Numbers::read([b, c, d]) },
                }
            }
            7..=9 => {
                let (attempt, kind, rogue) =
                    (Attempt::read(flags), Numbers::read([b, c, d]), flags & 8 != 0);
                Self::State { who, what: What::Partials { life: a, attempt, kind, rogue } }
            }
            10 => {
                let proof = (flags & 2 != 0).then_some([b, c]);
                Self::State { who, what: What::Abort { life: a, proof } }
            }
            11 => Self::Send { who, which: [a, b, c], around },
            12 | 13 => Self::SendNewest { who, count: a, around },
            14 => {
                let (joins, nonces, partials) = (c & 7, c >> 3 & 7, d & 7);
                let (signer, ended) = (d >> 3 & 3, d & 32 != 0);
                let claim = Claim { signer, life: a, sequence: b, joins, nonces, partials, ended };
                Self::Claim { who, claim, around }
            }
            15 => Self::Again { which: a, place: u16::from_be_bytes([b, c]), change: d },
            16 => Self::Hello { who, late: flags & 2 != 0 },
            17 => Self::Wait(u16::from_be_bytes([a, b])),
            18 => Self::Deadline,
            _ => match a % 4 {
                0 => Self::Restart,
                1 => Self::Abort,
                2 => Self::Reach { who, lost: false },
                _ => Self::Reach { who, lost: true },
            },
        }
    }
}

impl Attempt {
    fn read(flags: u8) -> Self {
        match flags >> 1 & 3 {
            0 | 1 => Self::Derived,
            2 => Self::First,
            _ => Self::Other,
        }
    }
}

impl Numbers {
    fn read([kind, a, b]: [u8; 3]) -> Self {
        match kind % 8 {
            0..=3 => Self::Good,
            4 => Self::Spoiled { place: a, change: b },
            5 => Self::Same(a),
            6 => Self::Copied(a),
            _ => Self::Miscounted { more: a & 1 != 0 },
        }
    }
}
