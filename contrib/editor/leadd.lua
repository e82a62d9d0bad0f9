---@meta
-- SPDX-License-Identifier: MIT
-- Written by contrib/generate-reference. What rule files of leadd may say, for the Lua language server.

---@class leadd.Lead
---@field person leadd.Lead.person
---@field company leadd.Lead.company
---@field attribution leadd.Lead.attribution
---@field interest leadd.Lead.interest
---@field answers? table<string, string|number|boolean> a form's other answers, by question
---@field consent? table<string, string|number|boolean> true or false by purpose
---@field consent_at? table<string, string|number|boolean> when the consent by purpose was given or refused (TIME)
---@field consent_basis? table<string, string|number|boolean> consent, contract or legitimate_interest, by purpose
---@field opportunity leadd.Lead.opportunity
---@field test? boolean a test lead: judged and shown, never routed, sent or counted
---@field id string "L-42"
---@field source? string where the newest record came from
---@field country? string the company's, else the person's
---@field created integer seconds since 1970
---@field touched? integer seconds since 1970
---@field activities leadd.Activity[] the newest first
---@field segments? table<string, true> in scores and later
---@field status? string in decisions only, as are the next
---@field team? string
---@field owner? string
---@field track? string
---@field grade? string
---@field entered? integer seconds since 1970
---@field fit? number
---@field engagement? number
---@field score? table<string, number> by group

---@class leadd.Lead.person
---@field email? string normalised address: local part case-folded, domain as A-label
---@field email_verified? boolean the source has verified the address
---@field phone_number? string E.164 where it could be resolved, else as given
---@field name? string full name
---@field given_name? string given name
---@field family_name? string family name
---@field title? string job title
---@field department? string department
---@field seniority? string owner, c_level, vp, director, manager, senior, individual, entry, unknown; derived from the title when absent
---@field locale? string BCP 47 language tag
---@field zoneinfo? string IANA time zone
---@field website? string URL
---@field address leadd.Lead.person.address
---@field external_ids? table<string, string|number|boolean> the person's id in another system, by system
---@field email_domain? string derived: the domain of the address

---@class leadd.Lead.person.address
---@field street_address? string street and number
---@field locality? string city
---@field region? string state or region
---@field postal_code? string postal code
---@field country? string ISO 3166-1 alpha-2, upper case
---@field formatted? string whole address as text

---@class leadd.Lead.company
---@field name? string company name
---@field legal_name? string registered name
---@field domain? string derived from a private mail domain when absent
---@field industry? string industry
---@field naics? string NAICS code
---@field employees? number number of employees
---@field annual_revenue leadd.Lead.company.annual_revenue
---@field country? string ISO 3166-1 alpha-2, upper case
---@field external_ids? table<string, string|number|boolean> the company's id in another system, by system
---@field address leadd.Lead.company.address

---@class leadd.Lead.company.annual_revenue
---@field amount? number yearly revenue
---@field currency? string ISO 4217

---@class leadd.Lead.company.address
---@field locality? string city
---@field country? string ISO 3166-1 alpha-2, upper case
---@field street_address? string street and number
---@field region? string state or region
---@field postal_code? string postal code

---@class leadd.Lead.attribution
---@field channel? string marketing channel
---@field source? string utm_source
---@field medium? string utm_medium
---@field campaign? string utm_campaign
---@field term? string utm_term
---@field content? string utm_content
---@field campaign_id? string the advertiser's campaign id
---@field adset_id? string ad set or ad group id
---@field ad_id? string ad or creative id
---@field form_id? string form id
---@field form_name? string form name
---@field page_url? string page on which the form stood
---@field referrer? string referring page
---@field is_organic? boolean not paid for
---@field click_ids? table<string, string|number|boolean> gclid, fbclid and the like

---@class leadd.Lead.interest
---@field product? string product asked about
---@field quantity? number how many
---@field budget leadd.Lead.interest.budget
---@field timeframe? string ISO 8601 duration
---@field message? string free text of the person, up to 16 KiB

---@class leadd.Lead.interest.budget
---@field amount? number budget named
---@field currency? string ISO 4217

---@class leadd.Lead.opportunity
---@field id? string id in the CRM
---@field stage? string stage
---@field probability? number 0 to 1; a percentage is divided by 100
---@field amount? number value, exact to four decimals
---@field currency? string ISO 4217
---@field close_date? string date
---@field state? string open, won or lost; derived from the stage when absent; leadd itself says stalled
---@field opened? integer when it was opened; when it was first heard of when absent
---@field changed? integer derived: its last change
---@field staged? integer derived: since when it is in its stage

---@class leadd.Activity
---@field name? string what the activity was about
---@field channel? string web, email, event, phone, chat, social, product, partner, other
---@field url? string page
---@field campaign? string campaign
---@field asset? string document, mail or event
---@field value? number a number the source gives
---@field count? number how many times (default 1)
---@field properties? table<string, string|number|boolean> the source's own properties
---@field type string
---@field time integer seconds since 1970
---@field after_move? true

---@alias leadd.Path string
---@alias leadd.Condition table|fun(lead: leadd.Lead, now: integer): boolean?, string?

---@class leadd.Did
---@field type? string|table
---@field name? string|table
---@field url? string|table
---@field campaign? string|table
---@field asset? string|table
---@field channel? string|table
---@field value? number|table
---@field count? number|table
---@field within? string
---@field since? "move"
---@field at_least? integer
---@field exactly? integer
---@field distinct? string

---@class leadd.AtMost
---@field [1] integer
---@field per string

---@class leadd.Adapter
---@field doc? any what it is about
---@field match? any
---@field source? string
---@field format? "json"|"csv"|"form"
---@field each? string
---@field id? string|string[]
---@field type? any
---@field type_from? any
---@field time? any
---@field drop? string|string[]
---@field secret? any
---@field empty? string|string[]
---@field map? any
---@field pairs? any
---@field set? any
---@field rest? any

---@class leadd.Digest
---@field doc? string what it is about
---@field team string whose desk it shows
---@field at any (time of day, "08:30") when it is sent, in the zone of its calendar
---@field calendar? string sent on days on which this is open; default the team's; without either every day, in the site's zone
---@field channel string how it is sent; not the journal
---@field to any (text or list of texts) its readers: head, members (of the team), ops, or a member

---@class leadd.Status
---@field doc? string what it is about
---@field meaning? string what it says about a lead, for the glossary
---@field team string whose leads these are
---@field kind? "open"|"sla"|"final" open (no limit), sla (an agreement must apply) or final; default open
---@field initial? boolean where leads begin; one status says so
---@field marketing_may_contact? boolean default false
---@field stale_after? string in a status of a team with members: for so long nobody need do anything for a lead before that is a leak; default leaks.stale of the settings
---@field renamed_from? string the name it had: leads and moves under that name are its own

---@class leadd.Reason
---@field doc? string what it is about
---@field to string where the lead goes
---@field recycle_after? string no automatic move leaves that status until then
---@field wake_on? leadd.Condition an activity newer than the hand-back that ends the rest earlier; alone, the lead rests until it comes
---@field credit? boolean the owner's turn is given back
---@field note? "required" "required": the person must say something
---@field needs? string|(string|leadd.Condition)[] what must be met before this reason may be given

---@class leadd.Move
---@field doc? string what it is about
---@field from string|string[] statuses it leaves
---@field to? string where it leads; without it the reason says so
---@field by "rules"|"owner"|"team"|string rules (automatic), owner (or the head), team (any member of the status' team), or a team's name
---@field alias? string|string[] other names people may call it by
---@field reasons? string|string[] reasons that may be given; one must be
---@field needs? string|(string|leadd.Condition)[] criteria, by name, or conditions: all must hold
---@field when? leadd.Condition by rules only: when it is made; nothing holds always
---@field restart? boolean a move to the same status starts in_status and the agreement anew

---@class leadd.Fence
---@field doc? string what it is about
---@field blocks string|string[] statuses that cannot be entered while it is closed
---@field from? string|string[] closed only to leads that leave one of these statuses
---@field when? leadd.Condition closed while this holds; a fence that cannot be judged is closed
---@field since? string|string[] reasons: closed since the last move with one of them ..
---@field hold? string .. for so long, or until the reason's wake_on

---@class leadd.Route
---@field doc? string what it is about
---@field when? leadd.Condition whom it is for; nothing is everybody
---@field team? string the team whose members take turns
---@field owner? "account"|"previous" "account": whoever owns the same company's other open leads; "previous": whoever had this lead before it went back
---@field match? table<string, leadd.Path> { languages = "person.locale" }: a skill that must fit a field; "de-DE" fits "de"

---@class leadd.Channel
---@field doc? string what it is about
---@field via "journal"|"sendmail"|"smtp"|"exec"|"webhook"|"drop" how
---@field from? string sender of mail
---@field target? string smtp: the server; exec: an absolute path; webhook: an address
---@field secret? string webhook: name of the file of the shared secret
---@field quiet? "recipient" "recipient": waits for the reader's working time
---@field reply_to? string of mail: the address whose mails are given to leadd; members may then answer a mail by replying (see message)
---@field unsubscribe? string of mail to leads: where they say that they want no more, "https://..." or "mailto:...", in which ${lead.id} may stand; each mail to a lead has it as List-Unsubscribe, and ${unsubscribe} in its text is it
---@field gather? string mail: a reminder waits so long, and what else its reader is reminded of by then is one mail with it; default 3m, at most 1h, "0s" for none

---@class leadd.Message
---@field doc? string what it is about
---@field channel string how it is sent
---@field to? string lead, owner, head, ops, or a member
---@field from? "rep" "rep", of a message to the lead: it comes from the member who sent the lead back; from the channel's sender when nobody did, or they have left
---@field subject string one line, with ${name} in it
---@field body string the text, with ${name} in it

---@class leadd.Feed
---@field doc? string what it is about
---@field via "journal"|"sendmail"|"smtp"|"exec"|"webhook"|"drop" "drop"
---@field types string|string[] decisions that are written as records for another program

---@class leadd.Leaks
---@field untouched? string that nothing was done for an accepted lead; default 3d, 1h to 365d, as the others
---@field stale? string that nobody keeps up a status of a team with members where no agreement has a step to come; default 14d
---@field opportunity? string that an open opportunity does not move and no automatic move would take it back after a time; default 30d

---@class leadd.Settings
---@field doc? string what it is about
---@field zone? string time zone of the site, IANA; default UTC
---@field phone_region? string country, two capitals, whose phone numbers need no country code
---@field keep_done? string how long done files stay in the spool
---@field retain? string how long leads are to be kept; also in years, as "3y"
---@field ops? string e-mail address of those who run leadd; the reader "ops"
---@field answer_within? any (duration) for so long after it was decided a mail may be answered; default 14d, 1h to 365d
---@field leaks? leadd.Leaks after how long it is a leak that nobody does anything; see "leaks" below
---@field roles? table<string, string[]> who is what at the socket, { ROLE = { "unix-group" } }: viewer, sales, operator, integrator, admin
---@field spool? table<string, string[]> { DIRECTORY = { "outcome", "owner", "erased" } }: drop directories that may send these kinds of records

---@class leadd.Calendar
---@field doc? string what it is about
---@field zone string its time zone, IANA
---@field open table<string, string> { mon = "09:00-12:30 13:00-18:00", tue_fri = "09:00-18:00" }: opening times by day or range of days
---@field except? table<string, string> { ["2026-12-24"] = "09:00-12:00", ["2026-12-25..2026-12-26"] = "closed" }
---@field holidays? string name of a calendar file (.ics) beside the rules; its days are closed

---@class leadd.Team
---@field doc? string what it is about
---@field calendar? string when it works, unless a member has another calendar
---@field head? string the member who is reminded, and counts as owner of all its leads
---@field strategy? "round_robin"|"weighted"|"least_open"|"top_first" how turns are given; default round_robin
---@field on_absence? "keep"|"reassign_unaccepted"|"deputy" what becomes of leads whose owner is away; default keep
---@field deputy? string who stands in for members that name nobody
---@field members? table<string, leadd.Member> { NAME = { .. } }; without members its leads are a queue

---@class leadd.Member
---@field doc? string what it is about
---@field user? string Unix user: who calls leadctl as this user acts as this member
---@field email? string where messages go
---@field weight? integer turns in proportion; default 1; 0 gets leads only as head
---@field rank? integer order for top_first; the lowest comes first
---@field max_unaccepted? integer offered and not yet moved by its owner at a time; 0 is unlimited
---@field max_open? integer leads that are not final at a time; 0 is unlimited
---@field per_day? integer offered a day, in the member's zone; 0 is unlimited
---@field calendar? string own calendar
---@field skills? table<string, string|string[]> { languages = { "de", "en" } }: what routes match
---@field away? string|string[] { "2026-03-09..2026-03-13" }: days without turns
---@field left? boolean has left: leads are reassigned, nothing is offered
---@field deputy? string who stands in

---@class leadd.Campaign
---@field doc? string what it is about
---@field owner string who plans it
---@field priority? integer default 0; whom two campaigns mean that run is in the one with the larger; equal ones do not hold anybody from each other
---@field from? string (day, "2026-03-01") its first day, in the site's zone; without it, it runs already
---@field to? string (day) its last; without it, it has no end
---@field channel? string how what is sent goes; not the journal
---@field include leadd.Condition whom it is for; { } is everybody whom marketing may write to
---@field exclude? leadd.Condition who of these is left out
---@field at_most? leadd.AtMost { 2, per = "7d" }: who has had so many mails of any campaign or track in that time is left out
---@field purpose? string (text) the purpose of the consent that counts; default "marketing", which is consent.marketing
---@field needs_consent? boolean default true; false leaves out only who has refused

---@class leadd.TrackStep
---@field wait string since the step before; of the first, since the lead came in
---@field send string a message with to = "lead"
---@field at? string (time of day, "09:00") then at the next such time, in the zone of the clock

---@class leadd.Track
---@field doc? string what it is about
---@field enter leadd.Condition who comes in; only in a status with marketing_may_contact
---@field leave? leadd.Condition who goes before the end and is not let in, whatever enter says; whoever enter no longer lets in goes in any case
---@field wake_on? leadd.Condition an activity after the entry that ends the track at once
---@field calendar? string with clock = "person": whose hours; without it Monday to Friday, 09:00 to 17:00
---@field clock? "wall"|"person"|string how waits are counted: wall, person (in the person's own zone, by the hours of calendar), or a calendar's name; default wall
---@field steps leadd.TrackStep[] what is sent, one after the other
---@field purpose? string (text) the purpose of the consent that counts; default "marketing"
---@field needs_consent? boolean default true; false sends to all but those who have refused

---@class leadd.Stage
---@field doc? string what it is about
---@field status? string|string[] reached by who was ever in one of these
---@field move? string|string[] or made one of these
---@field every? boolean reached by every lead
---@field accepted? boolean reached by who was moved on by the owner it was handed to
---@field opportunity? boolean reached by who has an opportunity

---@class leadd.Target
---@field doc? string what it is about
---@field measure "acceptance_rate"|"sla_kept"|"reasons_given"|"feedback_given"|"meetings"|"won"|"recycled"|"bad_data"|"response"|"leaks"|"overdue" (one of acceptance_rate, sla_kept, reasons_given, feedback_given, meetings, won, recycled, bad_data, response, leaks, overdue) what is counted
---@field side "sales"|"marketing" whose promise it is
---@field at_least? number not less than that: percent, hours or leads, as the measure is
---@field at_most? number not more

---@class leadd.Criterion
---@field doc? string what it is about
---@field when leadd.Condition what it asks for

---@class leadd.Segment
---@field doc? string what it is about
---@field when leadd.Condition who is in it; may not read what comes after: status, grade, points

---@class leadd.Group
---@field doc? string what it is about
---@field min? number points never fall below; default 0
---@field max? number points never rise above; default 100
---@field half_life? string points of an activity halve in this time, from its own day
---@field weights? boolean each score has a weight and best_of, and the weights sum to 100

---@class leadd.Grade
---@field doc? string what it is about
---@field fit table<string, number> { A = 75, B = 50, C = 25, D = 0 }: letters and from which points
---@field engagement table<string, number> { ["1"] = 75, ["2"] = 50 }: digits and from which points
---@field leave? number a band is left only so many points below its bound; default 0

---@class leadd.Step
---@field at string after the start
---@field every? string last step only: repeated so often
---@field remind? string|string[] owner, head, ops, or a member
---@field reassign? boolean goes to somebody else, never to one who let it expire before
---@field move? string made by leadd, as a person's move would be
---@field reason? string its reason
---@field message? string instead of the message "reminder"

---@class leadd.Sla
---@field doc? string what it is about
---@field status string where it runs
---@field when? leadd.Condition for which leads; the first agreement of the status that applies runs
---@field within string what is promised
---@field clock? string owner, team, wall, or a calendar's name; default owner
---@field start_on? leadd.Condition runs from when this holds
---@field stop? leadd.Condition met when this holds
---@field roll_on? leadd.Condition a message of the prospect: owes an answer anew, from then on
---@field max_snooze? string how far in all it may be put off
---@field retime? boolean running timers follow a changed rule; else they keep the times, the clock and the steps they started with
---@field steps leadd.Step[] what happens on the way; the last step repeats or moves the lead

---@class leadd.Later
---@field advance? string how far the clock goes on; what falls due up to and including then happens
---@field to? any or until when
---@field given? table[] what arrives then
---@field expect? table what must be so then

---@class leadd.Test
---@field doc? string what it is about
---@field lists? any lists that are other ones in this test
---@field at string the virtual instant it begins at, with its offset
---@field given table[] { lead{ .. }, activity{ ago = "2d", type = .. }, .. }: what arrives
---@field expect? table what must be so then
---@field later? leadd.Later[] further steps: advance or to, given, expect

---@class leadd.Fade
---@field every string a step
---@field percent integer lost with each step

---@class leadd.BestOf
---@field when leadd.Condition the condition
---@field percent number of the weight

---@class leadd.Score
---@field doc? string what it is about
---@field group string which points it adds to: "fit" and "engagement" make the grade
---@field when? leadd.Condition with points: the condition
---@field points? number|fun(lead: leadd.Lead, now: integer): number?, string? a number, or function(lead, now) returning points and a note
---@field field? leadd.Path with map or bands: the field whose value gives points
---@field map? table<string, number> { director = 20 }: points by value
---@field bands? number[][] { { 1000, 40 }, { 200, 30 } }: the first that is reached gives its points
---@field on? leadd.Did activities that count, as in did{}; with points: once, for the newest
---@field each? number points an activity, times its count
---@field cap? number the most that each adds up to; has its sign
---@field per? "campaign"|"url"|"asset"|"day"|"ever" one award for each distinct campaign, url, asset, day, or ever: the newest
---@field fade? leadd.Fade { every = "30d", percent = 50 }: instead of the group's half_life
---@field unless? string a score: this one says nothing when that one matched
---@field weight? number share of a group with weights, in percent
---@field best_of? leadd.BestOf[] { { when = {..}, percent = 100 }, .. }: the first that holds
---@field veto? string a status: a match moves the lead there at once

---@class leadd.Junk
---@field doc? string what it is about
---@field when leadd.Did about an activity, as in did{}: what matches stays on record and earns nothing, also what is long past

---@param name string
---@return fun(body: leadd.Settings)
function settings(name) end

---@param name string
---@return fun(body: leadd.Calendar)
function calendar(name) end

---@param name string
---@return fun(body: leadd.Team)
function team(name) end

---@param name string
---@return fun(body: leadd.Status)
function status(name) end

---@param name string
---@return fun(body: string[])
function principle(name) end

---@param name string
---@return fun(body: string[])
function list(name) end

---@param name string
---@return fun(body: leadd.Criterion)
function criterion(name) end

---@param name string
---@return fun(body: leadd.Junk)
function junk(name) end

---@param name string
---@return fun(body: leadd.Segment)
function segment(name) end

---@param name string
---@return fun(body: leadd.Group)
function group(name) end

---@param name string
---@return fun(body: leadd.Score)
function score(name) end

---@param name string
---@return fun(body: leadd.Grade)
function grade(name) end

---@param name string
---@return fun(body: leadd.Reason)
function reason(name) end

---@param name string
---@return fun(body: leadd.Move)
function move(name) end

---@param name string
---@return fun(body: leadd.Fence)
function fence(name) end

---@param name string
---@return fun(body: leadd.Route)
function route(name) end

---@param name string
---@return fun(body: leadd.Channel)
function channel(name) end

---@param name string
---@return fun(body: leadd.Message)
function message(name) end

---@param name string
---@return fun(body: leadd.Sla)
function sla(name) end

---@param name string
---@return fun(body: leadd.Feed)
function feed(name) end

---@param name string
---@return fun(body: leadd.Digest)
function digest(name) end

---@param name string
---@return fun(body: leadd.Adapter)
function adapter(name) end

---@param name string
---@return fun(body: leadd.Campaign)
function campaign(name) end

---@param name string
---@return fun(body: leadd.Track)
function track(name) end

---@param name string
---@return fun(body: leadd.Stage)
function stage(name) end

---@param name string
---@return fun(body: leadd.Target)
function target(name) end

---@param name string
---@return fun(body: leadd.Test)
function test(name) end

---any{ {..}, {..} }: at least one of them holds
---@param what table
---@return table
function any(what) end

---all{ {..}, {..} }: each holds
---@param what table
---@return table
function all(what) end

---none{ {..}, {..} }: not one holds
---@param what table
---@return table
function none(what) end

---did{ type = .. }: activities in the lead's history
---@param what leadd.Did
---@return table
function did(what) end

---one_of{ "a", "b" }: is one of these
---@param what any
---@return table
function one_of(what) end

---is_not("a"): is known, and another
---@param what any
---@return table
function is_not(what) end

---has("a"), has{ "a", "b" }: has it as a part; case does not count
---@param what any
---@return table
function has(what) end

---word("vp"), word{ .. }: has it as whole words
---@param what any
---@return table
function word(what) end

---starts("a"): begins with it
---@param what any
---@return table
function starts(what) end

---ends("a"): ends with it
---@param what any
---@return table
function ends(what) end

---like("*/pricing*"): * stands for any text
---@param what any
---@return table
function like(what) end

---ge(n): n or more
---@param what any
---@return table
function ge(what) end

---gt(n): more than n
---@param what any
---@return table
function gt(what) end

---le(n): n or less
---@param what any
---@return table
function le(what) end

---lt(n): less than n
---@param what any
---@return table
function lt(what) end

---between(a, b): from a to b, both included
---@param low number|string
---@param high number|string
---@return table
function between(low, high) end

---is known
---@type table
present = {}

---is not known
---@type table
absent = {}

---in_list "NAME": stands in that list
---@param what any
---@return table
function in_list(what) end

---In tests.
---@param body table
---@return table
function lead(body) end

---In tests.
---@param body table
---@return table
function activity(body) end

---In tests.
---@param body table
---@return table
function outcome(body) end

---In tests.
---@param body table
---@return table
function consent(body) end

---In tests.
---@param body table
---@return table
function company(body) end

---In tests.
---@param body table
---@return table
function away(body) end

---In tests.
---@param body table
---@return table
function back(body) end

---In tests.
---@param body table
---@return table
function payload(body) end
