/* SPDX-License-Identifier: MIT */
/* page_style.h - the style sheet and the few lines of script of report.html, as constants. */
#ifndef RUN_PAGE_STYLE_H
#define RUN_PAGE_STYLE_H

extern const char page_style_css[];
extern const char page_style_js[];

#endif
