use std::path::PathBuf;

use super::*;

/// A folder of its own for each test, removed when the test passes.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kinglet-data-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    /// Writes a file, in a folder of its own where the name says so.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    fn remove(self) {
        std::fs::remove_dir_all(&self.0).expect("removable");
    }
}

fn wanted(shape: &[usize], channels_first: bool) -> Wanted {
    Wanted { inputs: vec![Input { name: "in".into(), shape: shape.to_vec(), channels_first }], classes: Vec::new() }
}

fn elements(arrays: &[Array], name: &str) -> Vec<f32> {
    arrays.iter().find(|array| array.name == name).map(Array::to_f32).unwrap_or_default()
}

/// A picture of two pixels, one beside the other.
fn png(left: [u8; 3], right: [u8; 3]) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(2, 1, |x, _| image::Rgb(if x == 0 { left } else { right }));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("memory");
    bytes.into_inner()
}

#[test]
fn pictures_take_the_models_layout_size_and_order() {
    let folder = Folder::new("pictures");
    folder.file("cat/a.png", &png([1, 2, 3], [4, 5, 6]));
    folder.file("dog/b.PNG", &png([7, 8, 9], [10, 11, 12]));
    folder.file("dog/.hidden.png", b"no picture");
    let plain = Preparation::default();
    let of = |wanted: &Wanted, preparation: &Preparation| read(&folder.0, wanted, preparation).expect("pictures");
    let arrays = of(&wanted(&[1, 3, 1, 2], true), &plain);
    assert_eq!(elements(&arrays, "in"), [1., 4., 2., 5., 3., 6., 7., 10., 8., 11., 9., 12.]);
    assert_eq!((arrays[0].shape.clone(), elements(&arrays, "y")), (vec![2, 3, 1, 2], vec![0.0, 1.0]));
    let bgr = Preparation { channel_order: ChannelOrder::Bgr, ..plain.clone() };
    assert_eq!(elements(&of(&wanted(&[1, 1, 2, 3], false), &bgr), "in")[..6], [3., 2., 1., 6., 5., 4.]);
    // Each channel has its own mean and deviation.
    let scaled = Preparation { mean: vec![1.0, 2.0, 3.0], std: vec![2.0], ..plain.clone() };
    assert_eq!(elements(&of(&wanted(&[1, 3, 1, 2], true), &scaled), "in")[..6], [0., 1.5, 0., 1.5, 0., 1.5]);
    let gray = elements(&of(&wanted(&[1, 1, 2, 1], false), &plain), "in");
    assert!(gray[0] >= 1.0 && gray[0] <= 3.0 && gray.len() == 4, "{gray:?}");
    // The middle of what has become larger.
    let large = Preparation { image_size: Some([4, 4]), ..plain.clone() };
    assert_eq!(of(&wanted(&[1, 3, 2, 2], true), &large)[0].shape, [2, 3, 2, 2]);
    let named = Wanted { classes: vec!["dog".into(), "cat".into()], ..wanted(&[1, 3, 1, 2], true) };
    assert_eq!(elements(&of(&named, &plain), "y"), [1.0, 0.0]);
    let other = Wanted { classes: vec!["bird".into(), "cat".into()], ..named };
    assert!(read(&folder.0, &other, &plain).is_err_and(|error| error.to_string().contains("has the class `dog`")));
    let problem = read(&folder.0, &wanted(&[1, 10], false), &plain).err().map(|error| error.to_string());
    assert!(problem.is_some_and(|text| text.contains("no axis of them")));
    folder.file("stray.png", &png([0; 3], [0; 3]));
    let problem = read(&folder.0, &named_by_folder(), &plain).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(problem.contains("stray.png") && problem.contains("beside folders of classes"), "{problem}");
    let broken = folder.file("broken.jpg", b"\xff\xd8\xff and nothing more");
    let problem = read(&broken, &named_by_folder(), &plain).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(problem.contains("broken.jpg") && problem.contains("no picture"), "{problem}");
    folder.remove();
}

fn named_by_folder() -> Wanted {
    wanted(&[1, 3, 1, 2], true)
}

#[test]
fn tables_are_rows_or_windows() {
    let folder = Folder::new("tables");
    let text = "t,b,a,y\n0,1,2,still\n1,3,4,still\n2,5,6,still\n3,7,8,walk\n4,9,10,walk\n";
    let path = folder.file("t.csv", text.as_bytes());
    let columns = |names: &[&str], hop| Preparation {
        columns: names.iter().map(|&name| name.to_owned()).collect(),
        hop,
        ..Preparation::default()
    };
    let of = |shape: &[usize], preparation: &Preparation| read(&path, &wanted(shape, false), preparation);
    let rows = of(&[1, 2], &columns(&["a", "b"], 0)).expect("rows");
    assert_eq!(elements(&rows, "in")[..4], [2., 1., 4., 3.]);
    assert_eq!(elements(&rows, "y"), [0., 0., 0., 1., 1.]);
    // Windows of two rows every row; the one across both labels is left out.
    let windows = of(&[1, 2, 1], &columns(&["a"], 1)).expect("windows");
    assert_eq!((elements(&windows, "in"), elements(&windows, "y")), (vec![2., 4., 4., 6., 8., 10.], vec![0., 0., 1.]));
    let by_column = read(&path, &wanted(&[1, 2, 3], true), &columns(&["a", "b"], 0)).expect("a window");
    assert_eq!(elements(&by_column, "in"), [2., 4., 6., 1., 3., 5.]);
    let problem = |shape: &[usize], preparation: &Preparation| {
        of(shape, preparation).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(problem(&[1, 4], &Preparation::default()).contains("has 3 columns of numbers"));
    assert!(problem(&[1, 1], &columns(&["c"], 0)).contains("no column `c`; its columns are `t`, `b`, `a`, `y`"));
    let path = folder.file("gaps.csv", b"a,b\n1,2\n3,\n");
    let gap = read(&path, &wanted(&[1, 2], false), &Preparation::default()).err().map(|error| error.to_string());
    assert!(gap.is_some_and(|text| text.contains("row 2 (line 3), column `b`")));
    let path = folder.file("words.csv", b"a,b\n1,x\n");
    let word = read(&path, &wanted(&[1, 2], false), &Preparation::default()).err().map(|error| error.to_string());
    assert!(word.is_some_and(|text| text.contains("`x` in row 1 (line 2), column `b`")));
    let path = folder.file("short.csv", b"a,b\n1,2\n3\n");
    assert!(read(&path, &wanted(&[1, 2], false), &Preparation::default()).is_err());
    folder.remove();
}

#[test]
fn sound_is_cut_into_windows() {
    let folder = Folder::new("sound");
    let wav = |name: &str, samples: &[i16], channels: u16, sample_rate: u32| {
        let spec =
            hound::WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let path = folder.file(name, b"");
        let mut writer = hound::WavWriter::create(&path, spec).expect("a file");
        samples.iter().for_each(|&sample| writer.write_sample(sample).expect("written"));
        writer.finalize().expect("written");
        path
    };
    wav("no/a.wav", &[16384, -16384, 0, 16384, 8192], 1, 8000);
    wav("yes/b.wav", &[16384, 0, -16384, 0], 2, 8000);
    let plain = Preparation::default();
    let arrays = read(&folder.0, &wanted(&[1, 2], false), &plain).expect("sound");
    assert_eq!(elements(&arrays, "in"), [0.5, -0.5, 0., 0.5, 0.25, -0.25]);
    assert_eq!(elements(&arrays, "y"), [0., 0., 1.]);
    // Silence behind what is too short.
    let arrays = read(&folder.0.join("yes"), &wanted(&[1, 3, 1], false), &plain).expect("sound");
    assert_eq!((elements(&arrays, "in"), arrays.len()), (vec![0.25, -0.25, 0.0], 1));
    let problem = read(&folder.0, &wanted(&[1, 49, 10], false), &plain).err().map(|error| error.to_string());
    assert!(problem.is_some_and(|text| text.contains("sound is a row of numbers")));
    wav("yes/c.wav", &[0; 4], 1, 16000);
    let problem = read(&folder.0, &wanted(&[1, 2], false), &plain).err().map(|error| error.to_string());
    assert!(problem.is_some_and(|text| text.contains("c.wav") && text.contains("16000 samples a second")));
    folder.remove();
}

#[test]
fn frames_follow_from_shapes() {
    let of = |shape: &[usize], channels_first| {
        let input = Input { name: "in".into(), shape: shape.to_vec(), channels_first };
        images::Frame::of(&input).map(|frame| (frame.height, frame.width, frame.channels, frame.channels_first)).ok()
    };
    assert_eq!(of(&[1, 3, 32, 30], true), Some((32, 30, 3, true)));
    assert_eq!(of(&[1, 3, 32, 30], false), Some((32, 30, 3, true)));
    assert_eq!(of(&[1, 32, 30, 3], false), Some((32, 30, 3, false)));
    assert_eq!(of(&[1, 1, 3, 3], true), Some((3, 3, 1, true)));
    assert_eq!(of(&[1, 3, 3, 1], false), Some((3, 3, 1, false)));
    assert_eq!(of(&[1, 28, 28], false), Some((28, 28, 1, false)));
    assert_eq!(of(&[28, 28], false), Some((28, 28, 1, false)));
    assert_eq!(of(&[3, 28, 20], false), Some((28, 20, 3, true)));
    assert_eq!(of(&[1, 10], false), None);
}

#[test]
fn arrays_of_numpy_are_prepared_too() {
    let folder = Folder::new("arrays");
    let bytes = crate::npy_file::npy_bytes(npy::ElementType::U8, &[2, 2], &[0, 255, 51, 102]);
    let path = folder.file("x.npy", &bytes);
    let preparation = Preparation { std: vec![255.0], ..Preparation::default() };
    let arrays = read(&path, &wanted(&[1, 2], false), &preparation).expect("an array");
    assert_eq!(arrays[0].to_f32(), [0.0, 1.0, 0.2, 0.4]);
    let three = Preparation { std: vec![1.0, 2.0, 3.0], ..Preparation::default() };
    let problem = read(&path, &wanted(&[1, 2], false), &three).err().map(|error| error.to_string());
    assert!(problem.is_some_and(|text| text.contains("no axis of [1, 2] has 3 elements")));
    folder.remove();
}
