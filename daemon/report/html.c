/* SPDX-License-Identifier: MIT */
/*
 * The frame of a page: head, style, end, and the marks that numbers get. Names come from the rules and are escaped like
 * anything else.
 */
#include "internal.h"

#define BAR_WIDTH 160.0

void html_text(Text *out, const char *text) {
        for (const char *c = text; *c; c++)
                switch (*c) {
                case '&':
                        text_append(out, "&amp;");
                        break;
                case '<':
                        text_append(out, "&lt;");
                        break;
                case '>':
                        text_append(out, "&gt;");
                        break;
                case '"':
                        text_append(out, "&quot;");
                        break;
                default:
                        text_append_char(out, *c);
                }
}

void html_begin(Text *out, const char *title, int64_t from_us, int64_t now_us) {
        char from[TIME_TEXT_SIZE], now[TIME_TEXT_SIZE];

        text_append(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
        html_text(out, title);
        text_append(out, "</title>\n<style>\n"
                         "body { font: 14px/1.4 sans-serif; margin: 2em; color: #222; }\n"
                         "table { border-collapse: collapse; margin: 1em 0; }\n"
                         "th, td { padding: .2em .7em; text-align: right; border-bottom: 1px solid #ddd; }\n"
                         "th:first-child, td:first-child, td.text { text-align: left; }\n"
                         ".first { fill: #bbb; } .second { fill: #2a6; }\n"
                         "</style>\n</head>\n<body>\n<h1>");
        html_text(out, title);
        text_printf(out, "</h1>\n<p>%s to %s</p>\n", time_format_rfc3339(from_us, from), time_format_rfc3339(now_us, now));
}

void html_end(Text *out) { text_append(out, "</body>\n</html>\n"); }

void html_bars(Text *out, double first, double second, double most) {
        double scale = most > 0 ? BAR_WIDTH / most : 0;

        text_printf(out,
                "<svg width=\"%.0f\" height=\"14\" role=\"img\" aria-label=\"%.2f and %.2f\"><rect class=\"first\" width=\"%.1f\" "
                "height=\"6\"/>"
                "<rect class=\"second\" y=\"7\" width=\"%.1f\" height=\"6\"/></svg>",
                BAR_WIDTH, first, second, first * scale, second * scale);
}
