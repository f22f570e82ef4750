#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nodeboot::cli {

/// What the place can show that a person reads from. Found out once, in main; tests make their own.
struct Terminal {
    bool interactive = false;  ///< lines can be drawn over: a terminal that is not dumb
    bool color = false;        ///< interactive, and NO_COLOR (no-color.org) is not set
    bool unicode = false;      ///< the locale says UTF-8
    bool journal = false;      ///< systemd's journal: lines may begin with <priority>
    unsigned width = 80;       ///< columns; 80 where nothing says otherwise
    unsigned height = 24;      ///< lines; 24 where nothing says otherwise
    bool asked_width = false;  ///< no terminal, but COLUMNS says for which width

    /// Whether lines are broken to `width`. Programs that read lines get each whole.
    bool wraps() const { return (interactive || asked_width) && !journal; }

    std::string_view arrow() const { return unicode ? "→" : "->"; }
};

/// `fd`: where the lines go. Looks at the environment's TERM, NO_COLOR, LC_ALL, LC_CTYPE, LANG, COLUMNS, JOURNAL_STREAM.
Terminal detect_terminal(int fd);

/// Columns that `text` takes: one a code point; good for what nodeboot prints.
std::size_t text_width(std::string_view text);

/// At most `width` columns; what is cut off is replaced by "…" (or "..." without unicode).
std::string shortened(std::string_view text, std::size_t width, bool unicode);

/// Filled with blanks to `width` columns.
std::string padded(std::string_view text, std::size_t width);

/// Lines of at most `width` columns, broken at blanks; a longer word stands alone.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

/// Control characters made harmless: a program's output quoted in an error must not move the cursor.
std::string printable(std::string_view text);

}  // namespace nodeboot::cli
