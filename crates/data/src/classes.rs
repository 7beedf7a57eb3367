//! Names of classes, and what the labels of a data set mean to a network: its own numbers of classes, or others.

const IMAGENET: &str = include_str!("../assets/imagenet_classes.txt");

/// The 1000 classes of ImageNet-1k, in the order of the published networks' outputs.
pub fn imagenet() -> Vec<String> {
    IMAGENET.lines().map(str::to_owned).collect()
}

/// What the labels of a data set mean to a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Classes {
    /// They are the network's own numbers of classes.
    Own,
    /// So, if the network has as many classes as the data set.
    Counted(usize),
    /// The network's class for each.
    Mapped(Vec<u32>),
}

/// Why a label means nothing to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClassesError {
    /// The network and the data set are of different classes.
    #[error("the data have {data} classes, the network has {network}")]
    Count {
        /// Classes of the data set.
        data: usize,
        /// Classes of the network.
        network: usize,
    },
    /// A label that is no class of the network.
    #[error("an image is of class {label}, the network has {network} classes, from 0 on")]
    Label {
        /// The class, from 0.
        label: u32,
        /// Classes of the network.
        network: usize,
    },
}

impl Classes {
    /// By the names of the data's classes, where the data set knows them, and those of the network, where it has any: names that
    /// are all known to the network, or are numbers, are matched; else the order is the same.
    pub fn between(data: Option<&[String]>, network: &[String]) -> Self {
        match data {
            None => Self::Own,
            Some(names) => by_name(names, network).map_or(Self::Counted(names.len()), Self::Mapped),
        }
    }

    /// The class of a network of `network` classes that a label means.
    pub fn of(&self, label: u32, network: usize) -> Result<u32, ClassesError> {
        let label = match self {
            &Self::Counted(data) if data != network => return Err(ClassesError::Count { data, network }),
            Self::Own | Self::Counted(_) => label,
            Self::Mapped(classes) => classes.get(label as usize).copied().unwrap_or(u32::MAX),
        };
        if (label as usize) < network { Ok(label) } else { Err(ClassesError::Label { label, network }) }
    }
}

/// The network's class for each name of the data, where all of them are names of the network, or numbers; `None` where the
/// order is the same anyway or names say nothing.
fn by_name(names: &[String], labels: &[String]) -> Option<Vec<u32>> {
    let find =
        |name: &String| labels.iter().position(|label| label.eq_ignore_ascii_case(name)).map(|class| class as u32);
    let number = |name: &String| name.parse::<u32>().ok();
    let classes = names.iter().map(find).collect::<Option<Vec<_>>>();
    let classes = classes.or_else(|| names.iter().map(number).collect::<Option<Vec<_>>>())?;
    let is_order = classes.iter().enumerate().all(|(index, &class)| index as u32 == class);
    (!is_order).then_some(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn classes_are_matched_by_names_or_numbers() {
        let labels = texts(&["cat", "Dog", "bird"]);
        let between = |names: &[&str], labels: &[String]| Classes::between(Some(&texts(names)), labels);
        assert_eq!(between(&["bird", "dog"], &labels), Classes::Mapped(vec![2, 1]));
        assert_eq!(between(&["cat", "dog"], &labels), Classes::Counted(2));
        assert_eq!(between(&["cat", "fish"], &labels), Classes::Counted(2));
        assert_eq!(between(&["0", "10", "2"], &labels), Classes::Mapped(vec![0, 10, 2]));
        assert_eq!(Classes::between(None, &labels), Classes::Own);
    }

    #[test]
    fn a_label_is_a_class_of_the_network_or_nothing() {
        assert_eq!(Classes::Own.of(2, 3), Ok(2));
        assert_eq!(Classes::Own.of(3, 3), Err(ClassesError::Label { label: 3, network: 3 }));
        assert_eq!(Classes::Counted(2).of(1, 3), Err(ClassesError::Count { data: 2, network: 3 }));
        assert_eq!(Classes::Mapped(vec![2, 0]).of(0, 3), Ok(2));
        assert!(Classes::Mapped(vec![2, 0]).of(2, 3).is_err());
    }
}
