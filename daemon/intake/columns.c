/* SPDX-License-Identifier: MIT */
/*
 * The well-known column names of flat records and what they mean here. Names are
 * folded (fold.c), so one row serves "E-Mail", "e_mail" and "eMail". English, and
 * what German, French and Spanish forms and exports commonly say. Data and lookup only.
 */
#include <pthread.h>

#include "flat.h"

/* clang-format off */
static const Column columns[] = {
        { "person.email", 1, COLUMN_FIELD, "email|emailaddress|mail|mailaddress|emailid|workemail|businessemail|companyemail|contactemail|leademail|youremail|"
                "primaryemail|emailwork|emailadresse|mailadresse|adresseemail|adressemail|adresseelectronique|courriel|correo|correoelectronico|emailprofessionnel" },
        { "person.phone_number", 1, COLUMN_FIELD, "phone|phonenumber|telephone|telephonenumber|tel|phone1|workphone|businessphone|contactphone|contactnumber|"
                "directphone|mobile|mobilephone|mobilenumber|cell|cellphone|telefon|telefonnummer|rufnummer|handy|handynummer|mobil|mobiltelefon|"
                "mobilnummer|portable|telephoneportable|numerodetelephone|telefono|telefonomovil|numerodetelefono|movil|celular" },
        { "person.given_name", 1, COLUMN_FIELD, "firstname|givenname|forename|first|fname|vorname|prenom|nombre|nombredepila" },
        { "person.family_name", 1, COLUMN_FIELD, "lastname|surname|familyname|last|lname|nachname|familienname|nom|nomdefamille|apellido|apellidos" },
        { "person.name", 1, COLUMN_FIELD, "name|fullname|contactname|leadname|yourname|personname|vorundnachname|vornamenachname|vollstandigername|ansprechpartner|"
                "nomcomplet|prenometnom|nombrecompleto|nombreyapellidos" },
        { "person.title", 1, COLUMN_FIELD, "title|jobtitle|position|jobposition|jobrole|role|berufsbezeichnung|funktion|poste|fonction|intituleduposte|cargo|puesto" },
        { "person.department", 1, COLUMN_FIELD, "department|dept|abteilung|departement|departamento" },
        { "person.seniority", 1, COLUMN_FIELD, "seniority|senioritylevel|joblevel" },
        { "person.locale", 1, COLUMN_FIELD, "locale|language|languagecode|preferredlanguage|sprache|langue|idioma" },
        { "person.zoneinfo", 1, COLUMN_FIELD, "timezone|zoneinfo|zeitzone|fuseauhoraire|zonahoraria" },
        { "person.website", 1, COLUMN_FIELD, "website|webpage|homepage|websiteurl|siteweb|sitioweb|webseite" },
        { "person.address.street_address", 1, COLUMN_FIELD, "street|streetaddress|address|address1|addressline1|mailingstreet|strasse|strassehausnummer|"
                "strasseundhausnummer|rue|direccion|calle" },
        { "person.address.locality", 1, COLUMN_FIELD, "city|town|locality|mailingcity|ort|stadt|wohnort|ville|ciudad" },
        { "person.address.region", 1, COLUMN_FIELD, "state|region|province|stateprovince|stateregion|stateorprovince|mailingstate|bundesland|kanton|provincia" },
        { "person.address.postal_code", 1, COLUMN_FIELD, "zip|zipcode|postalcode|postcode|zippostalcode|mailingpostalcode|plz|postleitzahl|codepostal|codigopostal" },
        { "person.address.country", 1, COLUMN_FIELD, "country|countrycode|countryname|countryregion|mailingcountry|land|pays|pais" },

        { "company.name", 1, COLUMN_FIELD, "company|companyname|organization|organisation|organizationname|organisationname|account|accountname|employer|business|"
                "businessname|firma|firmenname|unternehmen|unternehmensname|societe|nomdelasociete|entreprise|nomdelentreprise|empresa|nombredelaempresa" },
        { "company.domain", 1, COLUMN_FIELD, "companydomain|domain|domainname|companywebsite|companyurl" },
        { "company.industry", 1, COLUMN_FIELD, "industry|sector|branche|industrie|secteur|secteurdactivite|industria" },
        { "company.employees", 1, COLUMN_FIELD, "employees|employeecount|numberofemployees|numemployees|noofemployees|companysize|headcount|mitarbeiter|"
                "mitarbeiterzahl|mitarbeiteranzahl|anzahlmitarbeiter|unternehmensgrosse|effectif|nombredesalaries|nombredemployes|empleados|numerodeempleados" },
        { "company.annual_revenue.amount", 1, COLUMN_FIELD, "annualrevenue|revenue|jahresumsatz|umsatz|chiffredaffaires|facturacion" },

        { "attribution.source", 1, COLUMN_FIELD, "utmsource" },
        { "attribution.medium", 1, COLUMN_FIELD, "utmmedium" },
        { "attribution.campaign", 1, COLUMN_FIELD, "utmcampaign" },
        { "attribution.is_organic", 1, COLUMN_FIELD, "isorganic" },
        { "attribution.term", 1, COLUMN_FIELD, "utmterm" },
        { "attribution.content", 1, COLUMN_FIELD, "utmcontent" },
        { "attribution.source", 2, COLUMN_FIELD, "leadsource|source|originalsource|quelle|herkunft|origine|origen" },
        { "attribution.medium", 2, COLUMN_FIELD, "medium" },
        { "attribution.campaign", 2, COLUMN_FIELD, "campaign|campaignname|kampagne|campagne|campana" },
        { "attribution.channel", 1, COLUMN_FIELD, "channel|marketingchannel|kanal" },
        { "attribution.campaign_id", 1, COLUMN_FIELD, "campaignid" },
        { "attribution.adset_id", 1, COLUMN_FIELD, "adsetid|adgroupid" },
        { "attribution.ad_id", 1, COLUMN_FIELD, "adid|creativeid" },
        { "attribution.form_id", 1, COLUMN_FIELD, "formid" },
        { "attribution.form_name", 1, COLUMN_FIELD, "formname|form|formular" },
        { "attribution.page_url", 1, COLUMN_FIELD, "pageurl|pageuri|landingpage|landingpageurl|sourceurl" },
        { "attribution.referrer", 1, COLUMN_FIELD, "referrer|referer|referrerurl|httpreferer|httpreferrer" },
        { "attribution.click_ids.gclid", 1, COLUMN_FIELD, "gclid" },
        { "attribution.click_ids.gbraid", 1, COLUMN_FIELD, "gbraid" },
        { "attribution.click_ids.wbraid", 1, COLUMN_FIELD, "wbraid" },
        { "attribution.click_ids.fbclid", 1, COLUMN_FIELD, "fbclid" },
        { "attribution.click_ids.msclkid", 1, COLUMN_FIELD, "msclkid" },
        { "attribution.click_ids.ttclid", 1, COLUMN_FIELD, "ttclid" },
        { "attribution.click_ids.li_fat_id", 1, COLUMN_FIELD, "lifatid" },

        { "interest.product", 1, COLUMN_FIELD, "product|productinterest|productname|interestedin|produkt|produit|producto" },
        { "interest.quantity", 1, COLUMN_FIELD, "quantity|menge|quantite|cantidad" },
        { "interest.budget.amount", 1, COLUMN_FIELD, "budget|budgetamount|presupuesto" },
        { "interest.budget.currency", 1, COLUMN_FIELD, "budgetcurrency" },
        { "interest.timeframe", 1, COLUMN_FIELD, "timeframe|timeline|purchasetimeframe|zeitrahmen" },
        { "interest.message", 1, COLUMN_FIELD, "message|yourmessage|comment|comments|description|inquiry|enquiry|question|questions|nachricht|ihrenachricht|mitteilung|"
                "bemerkung|bemerkungen|anmerkung|anmerkungen|kommentar|anfrage|commentaire|commentaires|votremessage|mensaje|comentario|comentarios" },

        { "consent.contact", 1, COLUMN_FIELD, "consent|contactconsent|consenttocontact|gdprconsent|gdpr|privacyconsent|einwilligung|dsgvo|consentement|rgpd|consentimiento" },
        { "consent.marketing", 1, COLUMN_FIELD, "marketingconsent|marketingoptin|optin|emailoptin|newsletter|newsletteroptin|newsletteranmeldung" },
        { "consent.marketing", 1, COLUMN_OPT_OUT, "optout|emailoptout|hasoptedoutofemail|donotemail|unsubscribed|unsubscribe" },
        { "consent.phone", 1, COLUMN_OPT_OUT, "donotcall|phoneoptout" },
        { "test", 1, COLUMN_FIELD, "test|istest|testlead" },

        { "id", 1, COLUMN_EVENT, "id|eventid|recordid|submissionid|entryid|responseid|leadid" },
        { "type", 1, COLUMN_EVENT, "type|eventtype|recordtype" },
        { "time", 1, COLUMN_EVENT, "time|timestamp|createdat|createdtime|createddate|createdate|created|creationdate|submittedat|submittedon|submissiontime|"
                "submissiondate|submitted|datecreated|datesubmitted|date|datetime|eventtime|zeit|zeitstempel|zeitpunkt|datum|erstelltam|eingangsdatum|"
                "datedecreation|horodateur|fecha|fechadecreacion|marcatemporal" },
        { "subject", 1, COLUMN_EVENT, "subject" },
};
/* clang-format on */

#define SLOTS 2048 /* a power of two, more than twice the number of names */

typedef struct Slot {
        const char *name; /* inside the table: not NUL terminated */
        uint8_t size;
        uint8_t column; /* index + 1; 0 = free */
} Slot;

static Slot slots[SLOTS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static size_t slot_of(const char *name, size_t size) {
        uint32_t hash = UINT32_C(2166136261);
        for (size_t i = 0; i < size; i++)
                hash = (hash ^ (uint8_t) name[i]) * UINT32_C(16777619);
        return (hash ^ (hash >> 13)) & (SLOTS - 1);
}

static void slots_build(void) {
        for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
                for (const char *name = columns[i].names; *name;) {
                        size_t size = strcspn(name, "|");
                        size_t at = slot_of(name, size);
                        while (slots[at].column)
                                at = (at + 1) & (SLOTS - 1);
                        slots[at] = (Slot){ .name = name, .size = (uint8_t) size, .column = (uint8_t) (i + 1) };
                        name += size + (name[size] == '|');
                }
}

const Column *column_find(const char *name, size_t size) {
        char folded[FOLD_SIZE_MAX];
        size_t folded_size;
        (void) pthread_once(&slots_once, slots_build);
        if (!name_fold(name, size, folded, &folded_size))
                return NULL;
        for (size_t at = slot_of(folded, folded_size); slots[at].column; at = (at + 1) & (SLOTS - 1))
                if (slots[at].size == folded_size && memcmp(slots[at].name, folded, folded_size) == 0)
                        return &columns[slots[at].column - 1];
        return NULL;
}

const Column *column_all(size_t *ret_n) {
        *ret_n = ARRAY_SIZE(columns);
        return columns;
}
