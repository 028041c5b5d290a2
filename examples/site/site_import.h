/*
 * site_import.h - makes the site's database from the machine's package records.
 */
#ifndef SITE_IMPORT_H
#define SITE_IMPORT_H

/*
 * Makes sure that `db` holds the records as they are now: makes it anew when it is missing, was
 * made from other records, or by another version of this program. It is written aside and renamed,
 * so that a database that is there is always whole. Progress goes to stderr if that is a terminal.
 *   records  a file with package records, or NULL for the machine's own
 * Returns 0, or -1 after saying why on stderr.
 */
int site_import(const char *db, const char *records);

#endif
