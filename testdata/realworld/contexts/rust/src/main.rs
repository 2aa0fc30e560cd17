//! Prints a number.

fn main() {
    println!("{} from rust", itoa::Buffer::new().format(42));
}
