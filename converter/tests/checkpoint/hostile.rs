//! Broken and hostile files are refused, each for its own reason, without a crash and in little memory.

use std::path::Path;

use bossnas_converter::checkpoint::pth::Archive;
use bossnas_converter::checkpoint::{Checkpoint, CheckpointError};
use bossnas_model::weights::Weights;

use crate::folder::fixture;

/// Opens a file, reads every tensor of all its state dicts, and returns their number.
fn read_all(path: &Path) -> Result<usize, String> {
    let message = |error: CheckpointError| error.to_string();
    let checkpoint = Checkpoint::open(path).map_err(message)?;
    let _ = checkpoint.scalars();
    let mut count = 0;
    for &name in checkpoint.state_dicts() {
        let dict = checkpoint.named_state_dict(name).map_err(message)?;
        for name in dict.names() {
            dict.bytes(name).map_err(|error| error.to_string())?;
        }
        count += dict.len();
    }
    Ok(count)
}

#[test]
fn every_broken_file_is_refused_with_its_reason() {
    for (file, reason) in [
        ("bad_truncated_zip.pth", "the archive does not end where the file ends"),
        ("bad_truncated_legacy.pth", "it was cut short: storage"),
        ("bad_truncated_legacy_tail.pth", "it was cut short: storage"),
        ("bad_empty.pth", "not a checkpoint: it is empty"),
        ("bad_random.pth", "not a checkpoint: it begins neither like PyTorch's archives nor like safetensors"),
        ("bad_no_pkl.pth", "it has 0 entries `*/data.pkl`"),
        ("bad_crc_zip.pth", "is damaged: its checksum is wrong"),
        (
            "bad_size_overflow.pth",
            "tensor `w`: its shape [2147483648, 2147483648] has more elements than can be addressed",
        ),
        ("bad_numel_mismatch.pth", "its storage `0` has 64 bytes where the description says 4398046511104"),
        ("bad_offset.pth", "it needs 18 elements of a storage that has 16"),
        ("bad_stride.pth", "elements of a storage that has 16"),
        ("bad_negative_stride.pth", "it has the negative stride -"),
        ("bad_negative_size.pth", "its shape has the negative size -"),
        ("bad_expand_bomb.pth", "it repeats a storage of 16 elements to 68719476736"),
        ("bad_storage_missing.pth", "its storage `7` is not in the file"),
        ("bad_storage_traversal.pth", "its storage `../../../etc/passwd` is not in the file"),
        ("bad_zip_absurd_size.pth", "of the archive"),
        ("bad_deflate_bomb.pth", "of the archive claims to unpack from"),
        ("bad_deep_nesting.pth", "no state dict in it"),
        ("bad_memo_bomb.pth", "it ends with values left on the stack"),
        ("bad_binunicode_len.pth", "the pickle ends at byte"),
        ("bad_long4.pth", "the pickle ends at byte"),
        ("bad_stack_underflow.pth", "goes back to a mark that was not set"),
        ("bad_no_stop.pth", "the pickle ends at byte"),
        ("bad_self_ref.pth", "no state dict in it: it has a"),
    ] {
        let Some(path) = fixture(file) else { continue };
        let message = read_all(&path).expect_err(file);
        println!("{message}");
        assert!(message.contains(reason), "{file}: {message}");
        assert!(message.contains(&format!("{file}`")), "the message names the file: {message}");
        assert!(!message.contains('\n') && message.len() < 400, "{file}: {message}");
    }
}

#[test]
fn every_hostile_file_is_refused_with_what_it_tried_to_import() {
    for (file, imports) in [
        ("evil_os_system_zip.pth", &["os.system"][..]),
        ("evil_posix_system_zip.pth", &["posix.system"]),
        ("evil_builtins_eval_zip.pth", &["__builtin__.eval"]),
        ("evil_getattr_zip.pth", &["__builtin__.getattr", "os.path"]),
        ("evil_stack_global_zip.pth", &["os.system"]),
        ("evil_inst_opcode_zip.pth", &["os.system"]),
        ("evil_obj_opcode_zip.pth", &["os.system"]),
        ("evil_newobj_popen_zip.pth", &["subprocess.Popen"]),
        ("evil_build_setstate_zip.pth", &["os.system"]),
        ("evil_torch_load_nested_zip.pth", &["torch.load"]),
        ("evil_os_system_legacy.pth", &["os.system"]),
        ("evil_bare_pickle.pth", &["os.system"]),
    ] {
        let Some(path) = fixture(file) else { continue };
        let error = Checkpoint::open(&path).expect_err(file);
        let named: Vec<String> = error.forbidden().expect(file).iter().map(ToString::to_string).collect();
        assert_eq!(named, imports, "{file}");
        let message = error.to_string();
        assert!(message.contains("is refused: it imports `"), "{file}: {message}");
        assert!(message.ends_with("nothing of it was run"), "{file}: {message}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for file in ["ok_handmade.pth", "tiny_zip_f32.pth", "tiny_legacy_f32.pth", "tiny_expected_f32.safetensors"] {
        let Some(path) = fixture(file) else { continue };
        let whole = std::fs::read(path).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cut = folder.path().join(file);
        let step = (whole.len() / 300).max(1);
        for len in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
            std::fs::write(&cut, &whole[..len]).unwrap();
            assert!(read_all(&cut).is_err(), "{file} cut to {len} bytes");
        }
    }
}

#[test]
fn a_zip_archive_that_two_programs_could_read_differently_is_refused() {
    let Some(path) = fixture("ok_handmade.pth") else { return };
    let whole = std::fs::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("x.pth");
    let refused = |bytes: &[u8]| {
        std::fs::write(&changed, bytes).unwrap();
        read_all(&changed).expect_err("two readings")
    };
    let message = refused(&[&whole[..], b"tail"].concat());
    assert!(message.contains("something was appended"), "{message}");
    // A second archive in front: its entries are seen by whoever reads from the beginning.
    let message = refused(&[&whole[..], &whole[..]].concat());
    assert!(message.contains("contradict the position of the directory"), "{message}");
    // The name of the first entry in its own header.
    let mut other = whole.clone();
    other[30] = b'x';
    let message = refused(&other);
    assert!(message.contains("has another name in its header"), "{message}");
    // Every byte of headers and directory matters: none can be changed and still give another reading.
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0xff;
        std::fs::write(&changed, &flipped).unwrap();
        if let Ok(tensors) = read_all(&changed) {
            assert_eq!(tensors, 1, "byte {at}");
        }
    }
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_told_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    for (content, what) in [
        (&b"<!DOCTYPE html><html>Not Found"[..], "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "a Git LFS pointer"),
        (b"{\"message\": \"Not Found\"}", "JSON text"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "a NumPy array"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "compressed with gzip"),
        (b"\x08\x08\x12\x07pytorch\x1a\x05", "an ONNX file"),
        (b"\x80\x02}q\x00.", "a pickle that PyTorch did not write"),
    ] {
        std::fs::write(&path, content).unwrap();
        let message = read_all(&path).unwrap_err();
        assert!(message.contains(what), "{message}");
    }
    let message = read_all(&folder.path().join("nowhere.pth")).unwrap_err();
    assert!(message.ends_with("nowhere.pth` does not exist"), "{message}");
    let message = read_all(folder.path()).unwrap_err();
    assert!(message.ends_with("is a folder, not a file"), "{message}");
}

/// Files that stay within every limit of size and want as much memory for it as they can.
fn greedy_files() -> Vec<(&'static str, Vec<u8>)> {
    const PICKLE: usize = 15 << 20;
    let repeat = |start: &[u8], unit: &[u8], end: &[u8]| {
        let count = (PICKLE - start.len() - end.len()) / unit.len();
        [start, &unit.repeat(count), end].concat()
    };
    let archive = |pickle: Vec<u8>| {
        let mut file = Vec::new();
        let mut archive = Archive::new("archive", &mut file);
        archive.entry("data.pkl", &pickle).unwrap();
        archive.finish().unwrap();
        file
    };
    let od = b"\x80\x02ccollections\nOrderedDict\nq\0)q\x01](";
    let directory: Vec<u8> = {
        let mut file = Vec::new();
        let mut archive = Archive::new("a", &mut file);
        for i in 0..65_000 {
            archive.entry(&i.to_string(), b"").unwrap();
        }
        archive.finish().unwrap();
        file
    };
    let header: Vec<String> = (0..120_000)
        .map(|i| format!(r#""{i}":{{"dtype":"U8","shape":[1,1],"data_offsets":[{i},{}]}}"#, i + 1))
        .collect();
    let header = format!("{{{}}}", header.join(","));
    let safetensors = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; 120_000]].concat();
    vec![
        ("calls with entries", archive(repeat(od, b"h\0h\x01Rh\x01h\x01sh\x01a}b", b"e."))),
        ("lists of one", archive(repeat(b"\x80\x02](", b"]Na", b"e."))),
        ("imports", archive(repeat(b"\x80\x02](", b"ccollections\nOrderedDict\n", b"e."))),
        ("one text", archive(repeat(b"\x80\x02X\0\0\xe0\0", b"xxxxxxx0", b"."))),
        ("texts", archive(repeat(b"\x80\x02](", b"U\x09012345678", b"e."))),
        ("entries of an archive", directory),
        ("tensors of a header", safetensors),
    ]
}

/// Runs only when [`refusing_takes_little_memory`] starts it in a process of its own.
#[test]
#[ignore = "a part of `refusing_takes_little_memory`, which runs it"]
fn refuse_every_fixture() {
    let folder = tempfile::tempdir().unwrap();
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_ascii_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap()
    };
    let read_in_own_peak = |path: &Path, name: &str| {
        // Resets the peak, where the system lets us.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let result = read_all(path);
        println!("PEAK {} kB, {name}: {}", peak(), result.map_or_else(|e| e, |n| format!("{n} tensors")));
    };
    for (name, bytes) in greedy_files() {
        let path = folder.path().join("greedy.pth");
        std::fs::write(&path, bytes).unwrap();
        read_in_own_peak(&path, name);
    }
    let Some(folder) = fixture("bad_self_ref.pth").and_then(|p| p.parent().map(Path::to_path_buf)) else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("bad_") || name.starts_with("evil_") {
            read_in_own_peak(&path, &name);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn refusing_takes_little_memory() {
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program)
        .args(["--exact", "hostile::refuse_every_fixture", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    let peaks = text.lines().filter_map(|line| Some((line.split("PEAK ").nth(1)?, line)));
    let mut count = 0;
    for (peak, line) in peaks {
        println!("{line}");
        let kilobytes: u64 = peak.split(' ').next().unwrap().parse().unwrap();
        assert!(kilobytes < 200_000, "{line}");
        count += 1;
    }
    assert!(count > 7);
}
