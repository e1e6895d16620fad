//! A figure in pixels, with a font of our own: the same picture on every machine.

use resvg::{tiny_skia, usvg};

use super::font;

/// Pixels of the picture for one of the figure.
const SHARPNESS: f32 = 2.0;

/// `svg` as PNG.
///
/// # Errors
/// What the renderer says, as text.
pub fn png(svg: &str) -> Result<Vec<u8>, String> {
    let tree = usvg::Tree::from_str(svg, font::options()).map_err(|error| error.to_string())?;
    let size = tree.size().to_int_size().scale_by(SHARPNESS).ok_or("the figure has no size")?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).ok_or("the figure has no size")?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SHARPNESS, SHARPNESS), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_pixels() -> Result<(), Box<dyn std::error::Error>> {
        let words = |text| {
            format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\"><text y=\"15\">{text}</text></svg>"
            )
        };
        assert_ne!(png(&words("MACs"))?, png(&words(""))?);
        Ok(())
    }

    #[test]
    fn what_is_no_figure_is_refused() {
        assert!(png("<svg").is_err());
    }
}
