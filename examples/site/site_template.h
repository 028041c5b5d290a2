/*
 * site_template.h - pages from templates that escape unless told otherwise.
 *
 *     {{name}}                    the text, escaped
 *     {{{name}}}                  finished HTML, as it is; a text is escaped here, too
 *     {{#name}} ... {{/name}}     once for each row; once, if it is a text that is not empty
 *     {{^name}} ... {{/name}}     if there are no rows, and no text
 *     {{>file}}                   the template file.html
 *     {{! remark }}
 *
 * A tag of the last four kinds that stands alone on its line leaves no trace of that line.
 * Templates are the files in templates/, built into the program; all are checked at the start.
 */
#ifndef SITE_TEMPLATE_H
#define SITE_TEMPLATE_H

#include "site_model.h"
#include "site_text.h"

/* Compiles every template. Returns 0, or -1 after saying on stderr which is wrong and where. */
int site_templates_load(void);
void site_templates_free(void);

/* Renders `name` ("front.html") into `out`. An unknown name, or a failed model, fails `out`. */
void site_render(const char *name, const site_model *model, site_buf *out);

#endif
