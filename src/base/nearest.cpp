#include "base/nearest.hpp"

#include <algorithm>

namespace nodeboot {
namespace {

// Optimal string alignment: insert, delete, replace, swap of neighbours, each 1.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size()][b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
    std::string found;
    for (const auto& candidate : candidates) {
        // Not nearer than by the difference of the lengths: spares kilobytes of nonsense the quadratic comparison.
        const auto [shorter, longer] = std::minmax({word.size(), candidate.size()});  // by value: both are temporaries
        if (longer - shorter >= best) continue;
        if (const auto d = distance(word, candidate); d < best) {
            best = d;
            found = candidate;
        }
    }
    return found;
}

}  // namespace nodeboot
