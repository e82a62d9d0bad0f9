/* SPDX-License-Identifier: MIT */
/*
 * Seniority from a job title: the first phrase of the table that occurs as whole
 * words decides ("MVP" has no word "vp"). The order carries the meaning: what
 * qualifies a rank (assistant to, product owner) stands before the rank itself.
 * A title without any of these words says nothing, and nothing is derived.
 */
#include <pthread.h>

#include "internal.h"

#define TITLE_SIZE_MAX 1024

typedef struct Phrase {
        const char *words; /* folded: case, ä -> a, ß -> ss; one space between words */
        const char *seniority;
} Phrase;

/* "*" at the end of a word: any ending (leiter*, leiterin). At its start: a compound (*leiter: vertriebsleiter). */
static const Phrase phrases[] = {
        /* who works for a rank, or has its word in another sense */
        { "assistant to", "individual" },
        { "assistant of", "individual" },
        { "executive assistant", "individual" },
        { "personal assistant", "individual" },
        { "administrative assistant", "individual" },
        { "management assistant", "individual" },
        { "assistenz*", "individual" },
        { "*assistenz", "individual" },
        { "*assistentin", "individual" },
        { "*assistent", "individual" },
        { "assistante", "individual" },
        { "product owner", "individual" },
        { "process owner", "individual" },
        { "service owner", "individual" },
        { "chief of staff", "director" },
        { "chief architect", "senior" },
        { "chief engineer", "senior" },
        { "chief editor", "manager" },
        { "president's office", "individual" },

        { "founder", "owner" },
        { "founders", "owner" },
        { "cofounder", "owner" },
        { "owner", "owner" },
        { "owners", "owner" },
        { "coowner", "owner" },
        { "proprietor", "owner" },
        { "managing partner", "owner" },
        { "founding partner", "owner" },
        { "inhaber*", "owner" },
        { "grunder*", "owner" },
        { "gruender*", "owner" },
        { "mitgrunder*", "owner" },
        { "gesellschafter*", "owner" },
        { "proprietaire", "owner" },
        { "fondateur", "owner" },
        { "fondatrice", "owner" },
        { "propietario", "owner" },
        { "propietaria", "owner" },
        { "fundador", "owner" },
        { "fundadora", "owner" },

        { "vice president", "vp" },
        { "vicepresident*", "vp" },
        { "vizeprasident*", "vp" },
        { "vice presidente", "vp" },
        { "vp", "vp" },
        { "svp", "vp" },
        { "evp", "vp" },
        { "avp", "vp" },
        { "rvp", "vp" },

        { "chief", "c_level" },
        { "ceo", "c_level" },
        { "cfo", "c_level" },
        { "cto", "c_level" },
        { "cio", "c_level" },
        { "coo", "c_level" },
        { "cmo", "c_level" },
        { "cso", "c_level" },
        { "cro", "c_level" },
        { "cpo", "c_level" },
        { "cdo", "c_level" },
        { "ciso", "c_level" },
        { "chro", "c_level" },
        { "president", "c_level" },
        { "prasident*", "c_level" },
        { "chairman", "c_level" },
        { "chairwoman", "c_level" },
        { "managing director", "c_level" },
        { "general manager", "c_level" },
        { "executive director", "c_level" },
        { "board member", "c_level" },
        { "geschaftsfuhrer*", "c_level" },
        { "geschaeftsfuehrer*", "c_level" },
        { "geschaftsfuhrung", "c_level" },
        { "geschaftsleitung", "c_level" },
        { "geschaftsleiter*", "c_level" },
        { "vorstand*", "c_level" },
        { "vorstandin", "c_level" },
        { "prokurist*", "director" },
        { "directeur general", "c_level" },
        { "directrice generale", "c_level" },
        { "pdg", "c_level" },
        { "gerant", "c_level" },
        { "gerante", "c_level" },
        { "director general", "c_level" },
        { "directora general", "c_level" },
        { "gf", "c_level" },

        { "director", "director" },
        { "directors", "director" },
        { "head of", "director" },
        { "head", "director" },
        { "department head", "director" },
        { "*direktor", "director" },
        { "*direktorin", "director" },
        { "*bereichsleiter*", "director" },
        { "*abteilungsleiter*", "director" },
        { "hauptabteilungsleiter*", "director" },
        { "werkleiter*", "director" },
        { "betriebsleiter*", "director" },
        { "niederlassungsleiter*", "director" },
        { "vertriebsleiter*", "director" },
        { "verkaufsleiter*", "director" },
        { "einkaufsleiter*", "director" },
        { "marketingleiter*", "director" },
        { "personalleiter*", "director" },
        { "it leiter*", "director" },
        { "fuhrparkleiter*", "manager" },
        { "projektleiter*", "manager" },
        { "teamleiter*", "manager" },
        { "gruppenleiter*", "manager" },
        { "schichtleiter*", "manager" },
        { "filialleiter*", "manager" },
        { "leiter", "director" },
        { "leiterin", "director" },
        { "leitung", "director" },
        { "*leiter", "director" },
        { "*leiterin", "director" },
        { "*leitung", "director" },
        { "directeur", "director" },
        { "directrice", "director" },
        { "directora", "director" },

        { "intern", "entry" },
        { "internship", "entry" },
        { "trainee", "entry" },
        { "apprentice", "entry" },
        { "junior", "entry" },
        { "jr", "entry" },
        { "graduate", "entry" },
        { "working student", "entry" },
        { "praktikant*", "entry" },
        { "werkstudent*", "entry" },
        { "azubi*", "entry" },
        { "auszubildende*", "entry" },
        { "volontar*", "entry" },
        { "stagiaire", "entry" },
        { "becario", "entry" },
        { "becaria", "entry" },

        { "manager", "manager" },
        { "managers", "manager" },
        { "managerin", "manager" },
        { "*manager", "manager" },
        { "*managerin", "manager" },
        { "mgr", "manager" },
        { "supervisor", "manager" },
        { "team lead", "manager" },
        { "team leader", "manager" },
        { "teamlead", "manager" },
        { "foreman", "manager" },
        { "chef de", "manager" },
        { "responsable", "manager" },
        { "gerente", "manager" },
        { "jefe de", "manager" },
        { "jefa de", "manager" },

        { "senior", "senior" },
        { "sr", "senior" },
        { "principal", "senior" },
        { "staff engineer", "senior" },
        { "lead", "senior" },
        { "architect", "senior" },

        { "engineer", "individual" },
        { "developer", "individual" },
        { "analyst", "individual" },
        { "consultant", "individual" },
        { "specialist", "individual" },
        { "coordinator", "individual" },
        { "administrator", "individual" },
        { "accountant", "individual" },
        { "buyer", "individual" },
        { "clerk", "individual" },
        { "dispatcher", "individual" },
        { "designer", "individual" },
        { "technician", "individual" },
        { "representative", "individual" },
        { "associate", "individual" },
        { "assistant", "individual" },
        { "secretary", "individual" },
        { "*entwickler", "individual" },
        { "*entwicklerin", "individual" },
        { "*ingenieur", "individual" },
        { "*ingenieurin", "individual" },
        { "*berater", "individual" },
        { "*beraterin", "individual" },
        { "sachbearbeiter*", "individual" },
        { "*referent", "individual" },
        { "*referentin", "individual" },
        { "disponent*", "individual" },
        { "einkaufer*", "individual" },
        { "buchhalter*", "individual" },
        { "ingenieur", "individual" },
        { "ingeniero", "individual" },
        { "ingeniera", "individual" },
        { "consultora", "individual" },
        { "consultor", "individual" },
};

/* Words separated by single spaces, one in front and one behind. Letters with marks lose them; co-founder is cofounder. NULL: too long,
 * or no memory: then the title says nothing, which is what an unknown title says. */
static const char *fold_title(Arena *arena, const char *title, size_t size, char out[static TITLE_SIZE_MAX]) {
        size_t folded_size, n = 0;
        if (size >= TITLE_SIZE_MAX / 2)
                return NULL;
        const char *folded = utf8_casefold(arena, title, size, &folded_size);
        if (!folded)
                return NULL;
        out[n++] = ' ';
        for (size_t i = 0; i < folded_size && n + 4 < TITLE_SIZE_MAX; i++) {
                unsigned char c = (unsigned char) folded[i], next = i + 1 < folded_size ? (unsigned char) folded[i + 1] : 0;
                if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'')
                        out[n++] = (char) c;
                else if (c == '-' && n >= 3 && memcmp(out + n - 3, " co", 3) == 0)
                        continue;
                else if (c == '.' && n >= 2 && out[n - 1] != ' ' && (out[n - 2] == ' ' || out[n - 2] == '\1'))
                        out[n++] = '\1'; /* c.e.o.: taken out below, so that the letters join */
                else if (c == 0xc3 && next >= 0xa0) {
                        /* U+00E0 to U+00FF, the letters of the languages in the table */
                        static const char plain[33] = "aaaaaaaceeeeiiiidnooooo ouuuuyty";
                        out[n++] = plain[next - 0xa0];
                        i++;
                } else if (c >= 0x80)
                        out[n++] = (char) c;
                else if (out[n - 1] != ' ')
                        out[n++] = ' ';
        }
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
                if (out[i] != '\1')
                        out[kept++] = out[i];
        if (out[kept - 1] != ' ')
                out[kept++] = ' ';
        out[kept] = '\0';
        return out;
}

static bool is_word_character(char c) { return c != ' ' && c != '\0'; }

/* Does the phrase occur as whole words in text (which begins and ends with a space)? */
static bool has_phrase(const char *text, const char *phrase) {
        bool any_start = *phrase == '*';
        phrase += any_start;
        size_t size = strlen(phrase);
        bool any_end = phrase[size - 1] == '*';
        size -= any_end;
        char wanted[64];
        memcpy(wanted, phrase, size);
        wanted[size] = '\0';
        for (const char *at = strstr(text, wanted); at; at = strstr(at + 1, wanted)) {
                bool starts = any_start || !is_word_character(at[-1]);
                bool ends = any_end || !is_word_character(at[size]);
                if (starts && ends)
                        return true;
        }
        return false;
}

/* A set of the pairs of letters in a text, hashed into 64 bits: a phrase whose pairs are not all in the title cannot occur in it,
 * which settles nearly every phrase in one comparison instead of a search. */
static uint64_t pairs_of(const char *text) {
        uint64_t pairs = 0;
        for (; text[0] && text[1]; text++)
                if (text[0] != '*' && text[1] != '*')
                        pairs |= UINT64_C(1) << (((unsigned char) text[0] * 31u + (unsigned char) text[1] * 7u) & 63);
        return pairs;
}

static uint64_t phrase_pairs[ARRAY_SIZE(phrases)];
static pthread_once_t phrase_pairs_once = PTHREAD_ONCE_INIT;

static void phrase_pairs_build(void) {
        for (size_t i = 0; i < ARRAY_SIZE(phrases); i++)
                phrase_pairs[i] = pairs_of(phrases[i].words);
}

const char *title_seniority(Arena *arena, const char *title, size_t size) {
        char folded[TITLE_SIZE_MAX];
        const char *text = fold_title(arena, title, size, folded);
        if (!text)
                return NULL;
        (void) pthread_once(&phrase_pairs_once, phrase_pairs_build);
        uint64_t pairs = pairs_of(text);
        for (size_t i = 0; i < ARRAY_SIZE(phrases); i++)
                if ((phrase_pairs[i] & ~pairs) == 0 && has_phrase(text, phrases[i].words))
                        return phrases[i].seniority;
        return NULL;
}
