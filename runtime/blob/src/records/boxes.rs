//! Boxes of detectors.

use crate::field::record;

record! {
    /// Boxes of each class, the best first, none of which is like a better one.
    Suppress {
        /// Images.
        batches: u32,
        /// Classes.
        classes: u32,
        /// Boxes of an image.
        count: u32,
        /// Most boxes of a class that are taken.
        limit: u32,
        /// Boxes are alike that share more than this part of what they cover together.
        likeness_max: f32,
        /// Scores have to be greater.
        score_min: f32,
        /// 1 when a box is x and y of its center, width and height; 0 when it is two corners, y first.
        is_centered: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}

record! {
    /// Boxes relative to anchors, the best first, none of which is like a better one.
    Detect {
        /// Boxes.
        count: u32,
        /// Scores of a box.
        columns: u32,
        /// How many of them, the last ones, are those of classes.
        classes: u32,
        /// Most boxes that are taken.
        limit: u32,
        /// Classes of a box, where boxes are chosen by their best one.
        per_box: u32,
        /// Most boxes of a class, where each class has its own.
        per_class: u32,
        /// Scores are at least that.
        score_min: f32,
        /// Boxes are alike that share more than this part of what they cover together.
        likeness_max: f32,
        /// Scales of y, x, height and width.
        scales: [f32; 4],
        /// 1 when each class has its own boxes, 0 when boxes are chosen by their best class.
        is_by_class: u8,
        /// Zero.
        reserved: [u8; 3],
    }
}
