use super::*;

fn rows(outputs: &[Vec<f32>]) -> Vec<&[f32]> {
    outputs.iter().map(Vec::as_slice).collect()
}

/// Outputs that answer these classes.
fn answering(answers: &[usize], classes: usize) -> Vec<Vec<f32>> {
    answers.iter().map(|&answer| (0..classes).map(|class| if class == answer { 0.9 } else { 0.05 }).collect()).collect()
}

fn scored(labels: &[i64], float: &[usize], blob: &[usize], classes: usize) -> Scoring {
    let (float, blob) = (answering(float, classes), answering(blob, classes));
    let truth = Truth::Classes { labels: labels.to_vec(), classes };
    let (float, blob) = (rows(&float), rows(&blob));
    let of = |outputs| Answers { outputs, inputs: &[] };
    score(&truth, of(&float), of(&blob), Metric::Accuracy, &[])
}

#[test]
fn auc_of_known_orders() {
    let labels = [false, false, true, true];
    assert_eq!(auc(&[0.1, 0.2, 0.3, 0.4], &labels), Some(1.0));
    assert_eq!(auc(&[0.4, 0.3, 0.2, 0.1], &labels), Some(0.0));
    assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &labels), Some(0.75));
    assert_eq!(auc(&[0.5; 4], &labels), Some(0.5));
    assert_eq!(auc(&[0.5; 2], &[true, true]), None);
}

#[test]
fn argmax_takes_the_first_of_equals() {
    assert_eq!(argmax(&[0.0, 3.0, 3.0, -1.0]), 1);
    assert_eq!(argmax(&[f32::NAN, 1.0]), 1);
}

/// The figures are those of scikit-learn 1.7: `precision_recall_fscore_support([0,0,1,1,2,2], [0,1,1,1,0,2])`.
#[test]
fn classes_are_scored_as_others_score_them() {
    let Scoring { float, .. } = scored(&[0, 0, 1, 1, 2, 2], &[0, 1, 1, 1, 0, 2], &[0; 6], 3);
    let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-9);
    assert!(near(float.accuracy, 4.0 / 6.0) && near(float.precision, (0.5 + 2.0 / 3.0 + 1.0) / 3.0), "{float:?}");
    assert!(near(float.recall, (0.5 + 1.0 + 0.5) / 3.0) && near(float.f1, (0.5 + 0.8 + 2.0 / 3.0) / 3.0), "{float:?}");
    assert_eq!(float.confusion, [[1, 1, 0], [0, 2, 0], [1, 0, 1]]);
    assert_eq!(float.classes[2].auc, Some(0.75));
}

#[test]
fn a_single_output_tells_two_classes_apart() {
    let truth = Truth::new(Some(&[0.0, 1.0, 1.0, 0.0]), 4, 1, false, None).expect("fits").expect("labels");
    let outputs = [vec![-3.0], vec![0.2], vec![-0.1], vec![-9.0]];
    let answers = Answers { outputs: &rows(&outputs), inputs: &[] };
    let Scoring { float, difference, .. } = score(&truth, answers, answers, Metric::Auc, &[]);
    assert_eq!((float.accuracy, float.auc), (Some(0.75), Some(1.0)));
    assert!(difference.is_some_and(|of| of.method == "delong" && of.value == 0.0 && of.p_value == 1.0));
}

#[test]
fn labels_mean_what_their_count_says() {
    let of = |y: &[f64], samples, len, same| Truth::new(Some(y), samples, len, same, None);
    assert_eq!(of(&[0.0, 1.0], 2, 5, true), Ok(Some(Truth::Anomalies(vec![false, true]))));
    assert_eq!(of(&[0.5, 1.0], 2, 1, false), Ok(Some(Truth::Reals(vec![0.5, 1.0]))));
    assert_eq!(of(&[0.0, 1.0, 1.0, 0.0], 2, 2, false), Ok(Some(Truth::Classes { labels: vec![1, 0], classes: 2 })));
    assert_eq!(of(&[0.1, 1.0, 1.0, 0.0], 2, 2, false), Ok(Some(Truth::Reals(vec![0.1, 1.0, 1.0, 0.0]))));
    assert!(of(&[0.5, 1.0], 2, 3, false).is_err_and(|error| error.to_string().contains("0.5 for sample 0")));
    assert!(of(&[1.0; 3], 2, 4, false).is_err_and(|error| error.to_string().contains("3 labels for 2 samples")));
    assert_eq!(Truth::new(None, 2, 4, true, None), Ok(None));
    assert_eq!(Truth::new(None, 2, 4, true, Some(Metric::MeanSquaredError)), Ok(Some(Truth::Input)));
    let error = Truth::new(None, 2, 4, false, Some(Metric::F1)).err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("the metric `f1` needs a class for each sample as `y`"));
}

#[test]
fn differences_have_an_interval() {
    let labels = vec![1; 400];
    let float: Vec<usize> = (0..400).map(|sample| usize::from(sample >= 20)).collect();
    let blob: Vec<usize> = (0..400).map(|sample| usize::from(!(10..30).contains(&sample))).collect();
    let of = scored(&labels, &float, &blob, 2).difference.expect("accuracy has one");
    assert_eq!((of.only_float, of.only_blob, of.value), (Some(10), Some(10), 0.0));
    assert!((of.high - 1.96 * 21f64.sqrt() / 402.0).abs() < 1e-5 && of.low == -of.high && of.p_value == 1.0, "{of:?}");
    let same = scored(&labels, &float, &float, 2).difference.expect("accuracy has one");
    assert!(same.low < -0.002 && same.high > 0.002, "no difference in 400 samples is not none ever: {same:?}");
    let worse: Vec<usize> = (0..400).map(|sample| usize::from(sample >= 40)).collect();
    let of = scored(&labels, &float, &worse, 2).difference.expect("accuracy has one");
    assert!(of.high < 0.0 && (of.p_value - 2.0 * 0.5f64.powi(20)).abs() < 1e-9, "{of:?}");
}

/// Labels of ten classes that the model answers rightly six times in seven.
fn labels_and_answers() -> (Vec<i64>, Vec<usize>) {
    let labels: Vec<i64> = (0..200).map(|sample| sample % 10).collect();
    let of = |(sample, &label): (usize, &i64)| {
        if sample % 7 == 3 { (label as usize * 7 + sample) % 10 } else { label as usize }
    };
    let answers = labels.iter().enumerate().map(of).collect();
    (labels, answers)
}

#[test]
fn labels_that_do_not_fit_are_named() {
    let (labels, answers) = labels_and_answers();
    let found = |labels: &[i64], answers: &[usize]| problems(labels, answers, 10, &[]).join("; ");
    assert_eq!(found(&labels, &answers), "");
    let from_one: Vec<i64> = labels.iter().map(|label| label + 1).collect();
    let text = found(&from_one, &answers);
    assert!(
        text.contains("labels go from 1 to 10") && text.contains("shifted by 1") && text.contains("label - 1"),
        "{text}"
    );
    let shifted: Vec<i64> = labels.iter().map(|label| (label + 9) % 10).collect();
    assert!(found(&shifted, &answers).contains("answers label + 1 on"), "{}", found(&shifted, &answers));
    let other: Vec<i64> = labels.iter().map(|label| [3, 7, 1, 0, 9, 2, 8, 4, 6, 5][*label as usize]).collect();
    assert!(found(&other, &answers).contains("another order"), "{}", found(&other, &answers));
    let still = vec![4; 200];
    assert!(found(&labels, &still).contains("answers class 4 on 100.0 %"), "{}", found(&labels, &still));
    let unrelated: Vec<usize> = (0..200).map(|sample| sample / 10 % 10).collect();
    assert!(found(&labels, &unrelated).contains("not what the model was trained on"), "{}", found(&labels, &unrelated));
    let half: Vec<usize> = (0..200).map(|at| if at % 20 < 10 { at % 10 } else { (at * at + 3) % 10 }).collect();
    assert!(found(&labels, &half).contains("only 5"), "{}", found(&labels, &half));
    assert!(found(&[2; 200], &still).contains("every sample is labelled 2"));
    let names = ["a".to_owned()];
    assert!(problems(&labels, &answers, 10, &names).join("").contains("10 classes and 1 names"));
}

#[test]
fn metrics_have_names() {
    assert_eq!("top1".parse(), Ok(Metric::Accuracy));
    assert_eq!(Metric::Accuracy.to_string(), "accuracy");
    assert!("top5".parse::<Metric>().is_err_and(|text| text.contains("mse")));
}
