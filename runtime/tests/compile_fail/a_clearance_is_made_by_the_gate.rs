fn main() {
    let _: Option<sandgate::hostcall::gate::Cleared> = None;
    let _: Option<sandgate::hostcall::decided::Decided> = None;
}
