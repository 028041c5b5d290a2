/*
 * site_schema.h - the tables of the site's database.
 */
#ifndef SITE_SCHEMA_H
#define SITE_SCHEMA_H

/* A database of another format is made anew. */
#define SITE_SCHEMA_FORMAT 2

/* dependencies.kind; the first two are what a package cannot do without. */
enum site_kind {
    SITE_KIND_PRE_DEPENDS = 0,
    SITE_KIND_DEPENDS = 1,
    SITE_KIND_RECOMMENDS = 2,
    SITE_KIND_SUGGESTS = 3,
    SITE_KIND_ENHANCES = 4,
    SITE_KIND_BREAKS = 5,
    SITE_KIND_CONFLICTS = 6,
    SITE_KIND_REPLACES = 7
};

#define SITE_SCHEMA_TABLES                                                         \
    "CREATE TABLE origin(format INTEGER NOT NULL, records TEXT NOT NULL);"         \
    "CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"       \
    "CREATE TABLE sections(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"    \
    "CREATE TABLE maintainers(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);" \
    "CREATE TABLE packages("                                                       \
    "  id INTEGER PRIMARY KEY REFERENCES names,"                                   \
    "  name TEXT NOT NULL UNIQUE,"                                                 \
    "  version TEXT NOT NULL,"                                                     \
    "  architecture TEXT NOT NULL,"                                                \
    "  section_id INTEGER NOT NULL REFERENCES sections,"                           \
    "  maintainer_id INTEGER NOT NULL REFERENCES maintainers,"                     \
    "  priority TEXT NOT NULL,"                                                    \
    "  source TEXT NOT NULL,"                                                      \
    "  homepage TEXT NOT NULL,"                                                    \
    "  summary TEXT NOT NULL,"                                                     \
    "  description TEXT NOT NULL,"                                                 \
    "  size_bytes INTEGER NOT NULL,"                                               \
    "  installed_bytes INTEGER NOT NULL,"                                          \
    "  is_installed INTEGER NOT NULL);"                                            \
    "CREATE TABLE dependencies("                                                   \
    "  package_id INTEGER NOT NULL REFERENCES packages,"                           \
    "  kind INTEGER NOT NULL,"                                                     \
    "  place INTEGER NOT NULL,"                                                    \
    "  choice INTEGER NOT NULL,"                                                   \
    "  target_id INTEGER NOT NULL REFERENCES names,"                               \
    "  bound TEXT NOT NULL,"                                                       \
    "  PRIMARY KEY (package_id, kind, place, choice)) WITHOUT ROWID;"              \
    "CREATE TABLE provided("                                                       \
    "  package_id INTEGER NOT NULL REFERENCES packages,"                           \
    "  name_id INTEGER NOT NULL REFERENCES names,"                                 \
    "  PRIMARY KEY (package_id, name_id)) WITHOUT ROWID;"                          \
    "CREATE VIRTUAL TABLE search USING fts5("                                      \
    "  name, summary, description, content='packages', content_rowid='id', prefix='2 3');"

#define SITE_SCHEMA_INDEXES                                                             \
    "CREATE INDEX dependencies_by_target ON dependencies(target_id, kind, package_id);" \
    "CREATE INDEX provided_by_name ON provided(name_id, package_id);"                   \
    "CREATE INDEX packages_by_section ON packages(section_id, name);"                   \
    "CREATE INDEX packages_by_maintainer ON packages(maintainer_id, name);"             \
    "CREATE INDEX packages_by_source ON packages(source, name);"                        \
    "INSERT INTO search(rowid, name, summary, description)"                             \
    "  SELECT id, name, summary, description FROM packages;"

#endif
