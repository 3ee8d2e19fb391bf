//! Replays the fuzzers' corpus, and every input that ever broke something, on stable and without a
//! fuzzer.

use musig2_proto::Libsecp256k1;
use musig2_sim::fuzz::{self, TARGETS, Target};
use std::collections::BTreeSet;
use std::fs::read_dir;
use std::path::{Path, PathBuf};

/// Returns a folder of `fuzz/`.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(name)
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).unwrap()
}

fn replay_corpus(name: &str) {
    let inputs = files(&folder("corpus").join(name));
    assert!(inputs.len() >= 8, "{} inputs", inputs.len());
    for input in inputs {
        // This is shown if the input fails.
        println!("{}", input.display());
        (target(name).body)(&std::fs::read(&input).unwrap());
    }
}

macro_rules! corpora {
    ($($name:ident)*) => {
        mod corpus {
            $(
                #[test]
                fn $name() {
                    super::replay_corpus(stringify!($name));
                }
            )*
        }

        #[test]
        fn every_target_has_its_corpus_and_its_test() {
            let tested: BTreeSet<_> = [$(stringify!($name)),*].into();
            let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name).collect();
            let stored = |place: &str| -> BTreeSet<_> {
                let names = files(&folder(place)).into_iter();
                names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
            };
            assert_eq!(tested, targets);
            assert!(targets.iter().eq(&stored("corpus")), "{:?}", stored("corpus"));
            assert!(targets.iter().eq(&stored("fuzz_targets")), "{:?}", stored("fuzz_targets"));
        }
    };
}

corpora!(decode round_trip engines one_node three_nodes byzantine evidence plan);

/// Makes a test for each input that once broke something, named after what must hold.
macro_rules! regressions {
    ($($target:ident: $($behaviour:ident)*;)*) => {
        mod regression {
            $(
                mod $target {
                    $(
                        #[test]
                        fn $behaviour() {
                            let path = concat!("regressions/", stringify!($target), "/", stringify!($behaviour));
                            let input = std::fs::read(crate::fuzz_corpus::folder(path)).unwrap();
                            (crate::fuzz_corpus::target(stringify!($target)).body)(&input);
                        }
                    )*
                }
            )*
        }

        #[test]
        fn every_regression_has_its_test() {
            let tested: BTreeSet<_> = [$($(concat!(stringify!($target), "/", stringify!($behaviour))),*),*].into();
            let stored = files(&folder("regressions")).into_iter().flat_map(|folder| files(&folder));
            let all = folder("regressions");
            let stored: BTreeSet<_> = stored.map(|path| path.strip_prefix(&all).unwrap().to_owned()).collect();
            assert!(tested.iter().map(Path::new).eq(&stored), "{stored:?}");
        }
    };
}

regressions! {
    byzantine: a_session_ends_once_though_its_announcement_comes_again what_an_earlier_life_gave_up_is_no_fault_of_the_engine;
    plan: two_attempts_of_a_session_of_equal_items_may_both_be_signed two_attempts_of_one_of_two_equal_sessions_may_both_be_signed;
    three_nodes: a_minute_that_passes_at_once_excuses_a_timeout a_clock_that_is_set_back_delays_no_end;
}

#[test]
fn the_corpus_is_no_larger_than_a_megabyte() {
    let inputs = TARGETS.iter().flat_map(|target| files(&folder("corpus").join(target.name)));
    let size: u64 = inputs.map(|input| input.metadata().unwrap().len()).sum();
    assert!(size <= 1_000_000, "{size} bytes: minimise it, see fuzz/README.md");
}

#[test]
fn fuzzing_seeds_are_reproducible_and_hold_on_both_engines() {
    let seeds = fuzz::seeds();
    assert_eq!(seeds, fuzz::seeds());
    for (name, inputs) in &seeds {
        inputs.iter().for_each(|(_, bytes)| (target(name).body)(bytes));
    }
    // The targets run with the transparent engine, for speed.
    for (_, bytes) in &seeds["three_nodes"] {
        fuzz::three_nodes::<Libsecp256k1>(bytes);
    }
    for (_, bytes) in &seeds["byzantine"] {
        fuzz::byzantine::<Libsecp256k1>(bytes);
    }
}
