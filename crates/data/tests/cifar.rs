//! CIFAR's batches: as every version of Python and numpy writes them, and as nobody should.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use bossnas_data::dataset::cifar::{Batch, Cifar};
use bossnas_data::dataset::{DataSet, DataSetError, Layout, Split};
use bossnas_files::SourceFile;
use proptest::prelude::*;

const ROW: usize = 3072;

/// The bytes of `write.py`.
fn data() -> Vec<u8> {
    (0..2).flat_map(|row| (0..ROW).map(move |at| ((at * 7 + row * 13 + at / 1024 * 50) % 256) as u8)).collect()
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cifar").join(name)
}

/// The parts of a batch as Python 2 and its numpy wrote those that are published (protocol 2, strings are bytes).
#[derive(Clone)]
struct Published {
    function: &'static str,
    kind: &'static str,
    fortran: bool,
    shape: Vec<u16>,
    data: Vec<u8>,
    key: &'static str,
    labels: Vec<u8>,
}

impl Published {
    fn new() -> Self {
        Self {
            function: "numpy.core.multiarray\n_reconstruct",
            kind: "u1",
            fortran: false,
            shape: vec![2, 3072],
            data: data(),
            key: "labels",
            labels: vec![3, 9],
        }
    }

    fn pickle(&self) -> Vec<u8> {
        let text = |text: &str| [&[b'U', text.len() as u8], text.as_bytes()].concat();
        let shape = self.shape.iter().flat_map(|extent| [&b"M"[..], &extent.to_le_bytes()].concat());
        let labels = self.labels.iter().flat_map(|&label| [b'K', label]);
        [
            &b"\x80\x02}q\x01("[..],
            &text("data"),
            format!("c{}\ncnumpy\nndarray\nK\x00\u{85}U\x01b\u{87}R(K\x01(", self.function)
                .chars()
                .map(|c| c as u8)
                .collect::<Vec<u8>>()
                .as_slice(),
            &shape.collect::<Vec<u8>>(),
            b"tcnumpy\ndtype\n",
            &text(self.kind),
            b"K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
            if self.fortran { b"\x88" } else { b"\x89" },
            b"T",
            &(self.data.len() as u32).to_le_bytes(),
            &self.data,
            b"tb",
            &text(self.key),
            b"](",
            &labels.collect::<Vec<u8>>(),
            b"eu.",
        ]
        .concat()
    }
}

fn read(cifar: Cifar, pickle: Vec<u8>) -> Result<Batch, DataSetError> {
    cifar.read_batch(&SourceFile::from_bytes("batch", pickle))
}

#[track_caller]
fn is_the_sample(batch: &Batch, labels: [u32; 2]) {
    assert_eq!(batch.len(), 2);
    for (row, label) in labels.into_iter().enumerate() {
        assert_eq!(batch.label(row), Some(label));
        let image = batch.image(row).unwrap();
        assert_eq!((image.width(), image.height()), (32, 32));
        let planes = &data()[row * ROW..][..ROW];
        for (at, pixel) in image.pixels().chunks(3).enumerate() {
            assert_eq!(pixel, [planes[at], planes[1024 + at], planes[2048 + at]], "pixel {at}");
        }
    }
    assert!(batch.label(2).is_none() && batch.image(2).is_none() && batch.image(usize::MAX).is_none());
}

#[test]
fn batches_of_numpy_in_every_protocol_are_read() {
    let mut seen = 0;
    for entry in std::fs::read_dir(sample("")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("_protocol") {
            is_the_sample(&Cifar::Ten.read_batch(&SourceFile::open(path).unwrap()).unwrap(), [3, 9]);
            seen += 1;
        }
    }
    assert_eq!(seen, 8);
    for file in ["numpy1_hundred.pickle", "numpy2_hundred.pickle"] {
        is_the_sample(&Cifar::Hundred.read_batch(&SourceFile::open(sample(file)).unwrap()).unwrap(), [3, 99]);
    }
}

#[test]
fn the_published_form_is_read() {
    is_the_sample(&read(Cifar::Ten, Published::new().pickle()).unwrap(), [3, 9]);
    let hundred = Published { key: "fine_labels", labels: vec![3, 99], ..Published::new() };
    is_the_sample(&read(Cifar::Hundred, hundred.pickle()).unwrap(), [3, 99]);
    // Bytes that happen to be a text are bytes all the same.
    let grey = Published { data: vec![b'a'; 2 * ROW], ..Published::new() };
    assert!(read(Cifar::Ten, grey.pickle()).unwrap().image(1).unwrap().pixels().iter().all(|&byte| byte == b'a'));
}

#[test]
fn what_is_not_a_batch_is_refused_with_a_reason() {
    let good = Published::new;
    let cases = [
        (Published { kind: "i1", ..good() }, "`data` is no array of unsigned bytes"),
        (Published { kind: "f4", ..good() }, "`data` is no array of unsigned bytes"),
        (Published { fortran: true, ..good() }, "`data` is not stored row by row"),
        (Published { shape: vec![2, 3073], ..good() }, "`data` is no array of rows of 3072 bytes"),
        (Published { shape: vec![6144], ..good() }, "`data` is no array of rows of 3072 bytes"),
        (Published { shape: vec![2, 3072, 1], ..good() }, "`data` is no array of rows of 3072 bytes"),
        (Published { shape: vec![3, 3072], ..good() }, "`data` has 3 rows of 3072 bytes by its shape, and 6144 bytes"),
        (
            Published { data: data()[1..].to_vec(), ..good() },
            "`data` has 2 rows of 3072 bytes by its shape, and 6143 bytes",
        ),
        (Published { labels: vec![3, 10], ..good() }, "label 1 is 10, and there are 10 classes"),
        (Published { labels: vec![3], ..good() }, "it has 2 pictures and 1 labels"),
        (Published { labels: vec![], shape: vec![0, 3072], data: vec![], ..good() }, "it holds no pictures"),
        (Published { key: "fine_labels", ..good() }, "it has no `labels`"),
        (Published { function: "numpy\ndtype", ..good() }, "`data` is no array"),
    ];
    for (batch, reason) in cases {
        assert_eq!(read(Cifar::Ten, batch.pickle()).unwrap_err().to_string(), format!("`batch`: {reason}"));
    }
    let fortran = Cifar::Ten.read_batch(&SourceFile::open(sample("numpy2_fortran.pickle")).unwrap()).unwrap_err();
    assert!(fortran.to_string().ends_with("`data` is not stored row by row"), "{fortran}");
    let longer = [Published::new().pickle(), b"x".to_vec()].concat();
    assert!(read(Cifar::Ten, longer).unwrap_err().to_string().contains("something after its end"));
    for other in [&b"\x80\x02]."[..], b"N.", b"}."] {
        assert!(matches!(read(Cifar::Ten, other.to_vec()), Err(DataSetError::Batch { .. })));
    }
}

#[test]
fn hostile_pickles_are_refused_and_name_what_they_wanted() {
    let evil = Published { function: "os\nsystem", ..Published::new() };
    let error = read(Cifar::Ten, evil.pickle()).unwrap_err();
    assert!(matches!(error, DataSetError::Pickle { .. }));
    assert!(error.to_string().contains("`os.system`"), "{error}");
    for pickle in
        [&b"cbuiltins\neval\nU\x011\x85R."[..], b"\x80\x02cnumpy\nload\n.", b"cnumpy.core.multiarray\nndarray\n."]
    {
        assert!(matches!(read(Cifar::Ten, pickle.to_vec()), Err(DataSetError::Pickle { .. })));
    }
    // A shape that would overflow, and lengths that are not there.
    let shape = [b"(\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fM\x00\x0ct".as_slice(), b"cnumpy\ndtype\n"].concat();
    let good = Published::new().pickle();
    let at = good.windows(8).position(|bytes| bytes == b"(M\x02\x00M\x00\x0ct").unwrap();
    let huge = [&good[..at], &shape, &good[at + 8 + 13..]].concat();
    assert!(matches!(read(Cifar::Ten, huge), Err(DataSetError::Batch { .. })));
    for cut in (0..good.len()).step_by(37).chain(good.len() - 60..good.len()) {
        assert!(read(Cifar::Ten, good[..cut].to_vec()).is_err(), "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damage_never_does_worse_than_an_error(at in 0usize..400, tail in any::<bool>(), byte in any::<u8>()) {
        let mut pickle = Published::new().pickle();
        let at = if tail { pickle.len() - 1 - at } else { at };
        pickle[at] = byte;
        if let Ok(batch) = read(Cifar::Ten, pickle) {
            assert!((0..batch.len()).all(|row| batch.image(row).is_some() && batch.label(row).unwrap() < 10));
        }
    }
}

fn write(path: impl AsRef<Path>, bytes: &[u8]) {
    std::fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn the_folders_of_the_archives_are_recognised_and_so_is_the_folder_around_them() {
    let folder = tempfile::tempdir().unwrap();
    let ten = folder.path().join("cifar-10-batches-py");
    for i in 1..=5 {
        let batch = Published { labels: vec![i, 0], ..Published::new() };
        write(ten.join(format!("data_batch_{i}")), &batch.pickle());
    }
    write(ten.join("test_batch"), &Published::new().pickle());
    for path in [&ten, folder.path()] {
        let test = DataSet::open(path).unwrap();
        assert_eq!((test.layout(), test.len(), test.path()), (Layout::Cifar10, 2, ten.as_path()));
        assert_eq!((test.class_names(), test.sample(1).unwrap().name().as_str()), (None, "test_batch[1]"));
        let train = DataSet::open_split(path, Split::Train).unwrap();
        let labels: Vec<u32> = train.samples().map(|sample| sample.label).collect();
        assert_eq!(labels, [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
        assert_eq!(train.sample(9).unwrap().name(), "data_batch_5[1]");
        assert_eq!(train.load(9).unwrap().pixels()[..3], [13, 63, 113]);
        assert!(train.sample(10).is_none());
        assert!(matches!(train.load(10), Err(DataSetError::NoSample { index: 10, len: 10 })));
    }

    let names = |key: &str, count: usize| {
        let names: Vec<String> = (0..count).map(|i| format!("V{i}\n")).collect();
        format!("(dV{key}\n({}ls.", names.concat()).into_bytes()
    };
    write(ten.join("batches.meta"), &names("label_names", 10));
    assert_eq!(DataSet::open(&ten).unwrap().class_names().unwrap()[9], "9");
    write(ten.join("batches.meta"), &names("label_names", 9));
    assert!(DataSet::open(&ten).unwrap_err().to_string().ends_with("it names 9 classes, not 10"));
    write(ten.join("batches.meta"), b"");
    assert!(matches!(DataSet::open(&ten), Err(DataSetError::Pickle { .. })));

    let hundred = folder.path().join("cifar-100-python");
    let batch = Published { key: "fine_labels", labels: vec![70, 99], ..Published::new() };
    write(hundred.join("test"), &batch.pickle());
    write(hundred.join("meta"), &names("fine_label_names", 100));
    assert!(matches!(DataSet::open(folder.path()), Err(DataSetError::Ambiguous { .. })));
    let test = DataSet::open(&hundred).unwrap();
    assert_eq!((test.layout(), test.class_names().unwrap().len()), (Layout::Cifar100, 100));
    assert!(matches!(DataSet::open_split(&hundred, Split::Train), Err(DataSetError::Read(_))));
}
