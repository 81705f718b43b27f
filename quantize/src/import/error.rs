//! Why a model could not be read.

use core::fmt;
use std::collections::HashMap;

use crate::ir::GraphError;

/// Why a model could not be read: the machine's fault, the file's, or ours for not supporting it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The path as given.
        file: String,
        /// What is in the way.
        source: crate::file::ReadError,
    },
    /// It is of no format that is read.
    #[error("{file} is {what}; {remedy}")]
    UnknownKind {
        /// The path as given.
        file: String,
        /// What it is.
        what: &'static str,
        /// How a model that is read is had from it.
        remedy: String,
    },
    /// The bytes are not a well-formed file of their format.
    #[error("{file} is damaged or not {format}: {problem} at {place}; export or download it again")]
    Malformed {
        /// The file or model name.
        file: String,
        /// The format that was expected.
        format: &'static str,
        /// Byte offset or structure.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// What the user wants of the model cannot be done.
    #[error("{file}: {problem}")]
    Change {
        /// The file or model name.
        file: String,
        /// What, and what could be done.
        problem: String,
    },
    /// What a tensor has in another file cannot be had.
    #[error(
        "{file}: tensor `{tensor}` is in `{location}`: {problem}; keep that file beside the model, or export with all \
         data inside (for PyTorch: `torch.onnx.export(..., external_data=False)`)"
    )]
    Sibling {
        /// The file or model name.
        file: String,
        /// The tensor's name.
        tensor: String,
        /// The other file, as the model names it.
        location: String,
        /// What is in the way.
        problem: String,
    },
    /// The model is well-formed but uses what Kinglet does not support: everything of that kind in the file.
    #[error("{file} cannot be compiled as it is:{}", ProblemList(problems, operators))]
    Unsupported {
        /// The file or model name.
        file: String,
        /// One entry for each node or tensor concerned, in the file's order.
        problems: Vec<Problem>,
        /// The operators that are read from a file of its format, when one of the problems is another one.
        operators: Vec<&'static str>,
    },
    /// The model's parts contradict each other.
    #[error("{file} contradicts itself: {source}; export it again")]
    Invalid {
        /// The file or model name.
        file: String,
        /// The broken invariant.
        source: GraphError,
    },
}

/// One thing in a model that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The node's (or tensor's) name, with the operator's index where the format has one.
    pub node: String,
    /// The operator as the file's format calls it, or `tensor`.
    pub operator: String,
    /// What is not supported.
    pub problem: String,
    /// The nearest thing that would work.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}; {}", self.node, self.operator, self.problem, self.remedy)
    }
}

/// Problems, and the operators that are read from such files.
struct ProblemList<'a>(&'a [Problem], &'a [&'static str]);

impl fmt::Display for ProblemList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (problem, count) in grouped(self.0) {
            match count {
                1 => write!(f, "\n  {problem}")?,
                _ => {
                    let Problem { node, operator, problem, remedy } = problem;
                    write!(f, "\n  {operator}: {count} nodes, first {node}: {problem}; {remedy}")?;
                }
            }
        }
        match self.1 {
            [] => Ok(()),
            operators => {
                let hint = "`--outputs` and `--drop-output` leave out what only other outputs need";
                write!(f, "\n  {} operators are supported, `kinglet operators` lists them; {hint}", operators.len())
            }
        }
    }
}

/// The first problem of each kind, in the file's order, and how many nodes have it: a network of a hundred layers has
/// one cause a hundred times.
fn grouped(problems: &[Problem]) -> Vec<(&Problem, usize)> {
    let mut groups: Vec<(&Problem, usize)> = Vec::new();
    let mut known: HashMap<(&str, &str, &str), usize> = HashMap::new();
    for problem in problems {
        let cause = (problem.operator.as_str(), problem.problem.as_str(), problem.remedy.as_str());
        match known.get(&cause) {
            Some(&at) => groups[at].1 += 1,
            None => {
                known.insert(cause, groups.len());
                groups.push((problem, 1));
            }
        }
    }
    groups
}

impl ImportError {
    /// What is displayed, but with a line for every node instead of one for each cause.
    pub fn with_every_node(&self) -> String {
        let ImportError::Unsupported { problems, .. } = self else { return self.to_string() };
        let text = self.to_string();
        let head = text.lines().next().unwrap_or_default();
        let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        format!("{head}{lines}")
    }

    /// The same error about `path`, where the importer only knew the model's name.
    pub(crate) fn in_file(mut self, path: &str) -> Self {
        match &mut self {
            ImportError::Read { file, .. }
            | ImportError::UnknownKind { file, .. }
            | ImportError::Malformed { file, .. }
            | ImportError::Sibling { file, .. }
            | ImportError::Change { file, .. }
            | ImportError::Unsupported { file, .. }
            | ImportError::Invalid { file, .. } => *file = path.into(),
        }
        self
    }
}
