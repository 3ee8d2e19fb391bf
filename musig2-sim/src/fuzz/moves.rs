//! What signers without scruples can do: read from bytes, carried out by the crowd.

/// One of the two, 0 or 1.
pub(super) type Who = usize;

/// One step: six bytes, of which the first says what it is.
#[derive(Debug, Clone)]
pub(super) enum Move {
    /// The honest application proposes a session of all three.
    Propose { items: u8 },
    /// One of the two announces a session of its own: to everybody, or in a frame.
    Announce { who: Who, items: u8, in_frame: bool },
    /// The honest application answers what it was asked.
    Answer { joins: bool },
    /// One of the two signs something, and keeps it.
    State { who: Who, what: What },
    /// Statements that were made or heard, by their places, reach the honest node in one frame.
    Send { who: Who, which: [u8; 3], around: Around },
    /// So many of the newest statements do.
    SendNewest { who: Who, count: u8, around: Around },
    /// One of the two says what it holds, or what another does.
    Claim { who: Who, claim: Claim, around: Around },
    /// A frame or publication that was sent before comes, with a byte of it changed where `change` is not zero.
    Again { which: u8, place: u16, change: u8 },
    /// One of the two says hello.
    Hello { who: Who, late: bool },
    /// This many milliseconds.
    Wait(u16),
    /// Until the honest node's deadline.
    Deadline,
    /// The honest node forgets everything, says hello, and resumes what its application kept.
    Restart,
    /// The honest application gives up.
    Abort,
    /// A signer is reachable, or no longer.
    Reach { who: Who, lost: bool },
}

/// What a statement says.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// That it is here, in this life; at its address, or nowhere.
    Join { life: u8, reachable: bool },
    /// Nonces for an attempt.
    Nonces { life: u8, attempt: Attempt, kind: Numbers },
    /// Partial signatures on the nonces so far; with their transcript, or another.
    Partials { life: u8, attempt: Attempt, kind: Numbers, rogue: bool },
    /// That it ends its part; perhaps with a proof made of any two statements.
    Abort { life: u8, proof: Option<[u8; 2]> },
}

/// For which attempt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attempt {
    /// The one that follows from all joins that were made or heard.
    Derived,
    First,
    Other,
}

/// Nonces or partial signatures.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    /// As an honest signer makes them.
    Good,
    /// As an honest signer makes them, with a byte of the first changed.
    Spoiled { place: u8, change: u8 },
    /// All the same byte.
    Same(u8),
    /// Those of a statement that was made or heard.
    Copied(u8),
    /// One more or one less than there are items.
    Miscounted { more: bool },
}

/// What a frame has beside its statements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// A question, and of what.
    pub(super) asks: u8,
    pub(super) announcement: bool,
    /// Final signatures: none, those that were heard, or false ones.
    pub(super) signatures: u8,
}

/// A summary, true or not: a bit for each signer.
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
    /// What six bytes say. Every six say something.
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
