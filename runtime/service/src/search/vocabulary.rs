//! Words of English that the search treats in a way of their own: data, read by `term` alone. What a document says is found by its own
//! words too; no list here must ever be needed to find a method by its name.

/// These say nothing of what a method is for. A request that consists of them is searched for as it is.
pub(super) const STOPS: &str = "
    a about after all also am an and any are as at be been before being but by can could did do does doing don else
    for from get give had has have having he help her his how i if in into is it its just know let like made make
    may me might mine more most must my need no not now of on only or our over own please s same shall she should so
    some such t tell than that the their them then there these they this those to too us very want was we were what
    when where which who whom why will with would you your
";

/// Words of one line are said for one another. They are what programs do and what they do it to; a word of a trade is the
/// document's to explain.
pub(super) const ALIKE: &[&str] = &[
    "academic research scholar scientific",
    "accommodation hotel",
    "account member people person user",
    "add create generate insert new",
    "adjust change edit modify set update",
    "airline flight plane",
    "alert notification notify remind reminder",
    "appointment calendar event meeting schedule",
    "article paper publication",
    "audio music song track",
    "begin launch start",
    "bill invoice",
    "bitcoin crypto cryptocurrency token",
    "book booking reservation reserve",
    "browse discover find look lookup query search",
    "bug issue ticket",
    "business company firm organisation organization",
    "buy order purchase shop shopping",
    "calculate compute",
    "cancel delete destroy drop erase remove",
    "car vehicle",
    "career employment job work",
    "charge pay payment",
    "chart diagram graph plot visualize",
    "chat conversation talk",
    "client contact customer",
    "clip video youtube",
    "code program script",
    "cost price",
    "course education learn study",
    "currency money",
    "database sql",
    "deliver post send submit",
    "detail info information",
    "direction map navigation route",
    "directory folder",
    "doc document docx file pdf word",
    "drug health medical medicine",
    "email mail message",
    "end finish stop terminate",
    "enumerate list",
    "error exception failure",
    "excel sheet spreadsheet xlsx",
    "execute run",
    "exercise fitness workout",
    "fetch obtain read retrieve show view",
    "film movie",
    "food recipe restaurant",
    "forecast temperature weather",
    "game play",
    "gift present",
    "headline news",
    "home house property",
    "image photo picture",
    "keep save store",
    "language translate",
    "law legal",
    "link page site url web website",
    "location place position",
    "powerpoint ppt presentation slide",
    "share stock",
    "summarize summary",
    "travel trip",
];
