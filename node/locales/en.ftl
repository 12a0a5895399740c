# Every word of the pages, in English.

## On every page
site-tagline = Lessons that travel from device to device
skip-to-content = Skip to the content
nav-label = Pages
nav-lessons = Lessons
nav-device = This device
languages = Language
search-label = Search lessons
search-hint = Fractions, plants, verbs…
search-action = Search
footer-note = Works without internet, without advertising and without tracking.

## Who is learning
learner-who = Who is learning?
learner-why = Your name leaves this device only sealed: nobody but your school and the ministry can read it.
learner-name = Your name
learner-start = Start
learner-skip = Not now
learner-guest = Guest
learner-forget = Remove { $name }

## Lists of lessons
home-heading = What shall we learn today?
count-lessons = { $count ->
    [one] { $count } lesson
   *[other] { $count } lessons
}
count-here = { $count ->
    [one] { $count } on this device
   *[other] { $count } on this device
}
count-arriving = { $count ->
    [one] { $count } is arriving
   *[other] { $count } are arriving
}
filter-heading = Choose lessons
filter-grade = Grade
filter-subject = Subject
filter-all = All
grade-name = { $grade ->
    [0] Pre-primary
   *[other] Grade { $grade }
}
continue-heading = Continue watching
state-here = On this device
state-arriving = Arriving: { $percent }%
state-waiting = On its way
state-watched = Watched
lesson-length = Length { $length }
list-all = Show all { $count }
list-next = Next
list-previous = Previous
empty-catalog-title = The lessons have not arrived yet
empty-catalog-help = Put this device on the same Wi-Fi or cable as a school or a neighbour that runs Pishtar. The lessons appear here by themselves; you do not have to do anything else.
empty-follow-title = This device follows no lesson of the catalogue
empty-follow-help = { $count ->
    [one] The catalogue has { $count } lesson, but it is not of the chosen grades, subjects and languages. Whoever runs this device can choose others:
   *[other] The catalogue has { $count } lessons, but none of the chosen grades, subjects and languages. Whoever runs this device can choose others:
}
empty-filter-title = No lesson here for this choice
empty-filter-help = Choose another grade or subject, or look at all lessons.
empty-filter-action = Show all lessons

## One lesson
lesson-about = About this lesson
lesson-course = More from this course
lesson-more = More lessons
lesson-worksheet = Worksheet
lesson-video = Video
lesson-small-video = Small video
lesson-text = Text
lesson-audio-description = Audio description
lesson-download = Download
lesson-not-ministry = made this lesson for its own learners; it is not one of the ministry’s.
lesson-author = Author
lesson-licence = Licence
lesson-language = Language
lesson-captions = Captions
lesson-length-label = Length
lesson-code = Curriculum
lesson-files-heading = For this lesson
lesson-arriving = This lesson is still arriving ({ $percent }%). You can watch it already.
lesson-waiting = Nothing of this lesson has arrived yet. It begins as soon as a neighbour has it; press play and it comes first.
lesson-complete = The whole lesson is on this device.
player-speed = Speed
player-broken = The lesson cannot be played right now. It may still be on its way: try again in a moment.
player-unsupported = This browser cannot show the lesson. You can download it instead.
player-watched = Watched { $percent }%
player-needs-script = Watching works; to have your progress counted, JavaScript must be allowed in this browser.
progress-saving = Saving…
progress-saved = Saved ✓
progress-unsaved = Not saved yet. The device tries again by itself.
progress-done = Lesson finished. Well done!

## Search
search-title = Search: { $query }
search-heading = Search
search-found = { $count ->
    [one] { $count } lesson found
   *[other] { $count } lessons found
}
search-nothing-title = Nothing found for “{ $query }”
search-nothing-help = Try one shorter word. Letters without marks work too, and so does either script.
search-empty-title = What are you looking for?
search-empty-help = Write a word from the title or the topic in the box above.

## Status, for whoever runs the device
status-heading = This device
status-lead = How the lessons come in and how the learners’ progress goes out.
status-catalog = Catalogues
status-catalog-none = No catalogue yet. It comes from the first neighbour, stick or folder that has one.
status-version = Version { $version }
status-fresh = Up to date
status-stale = Works; news may be waiting
status-age-unknown = Works; its age is not known
status-clock-wrong = The clock of this device seems wrong: it says { $date }. Lessons work all the same; only their age cannot be told. Set date and time in the settings of the device.
publisher-ministry = Ministry of Education
status-publisher-revoked = { $publisher } may publish no more: the ministry revoked it, and its lessons are removed.
status-device-revoked = The ministry revoked this device, as one does with lost ones. It still shows lessons; what learners do here is not taken by other devices. Bring it to the school.
checked-never = never checked
checked-unknown = checked at an unknown time
checked-now = checked just now
checked-minutes = { $count ->
    [one] checked { $count } minute ago
   *[other] checked { $count } minutes ago
}
checked-hours = { $count ->
    [one] checked { $count } hour ago
   *[other] checked { $count } hours ago
}
checked-days = { $count ->
    [one] checked { $count } day ago
   *[other] checked { $count } days ago
}
status-lessons = Lessons
status-lessons-here = { $here } of { $all } followed lessons are here
status-lessons-known = { $count ->
    [one] The catalogue knows { $count } lesson.
   *[other] The catalogue knows { $count } lessons.
}
status-storage = Storage
status-storage-used = { $used } used
status-storage-quota = { $used } of { $quota } used
status-storage-files = { $complete } whole files, { $partial } arriving
status-records = Learners’ progress
status-records-waiting = { $count ->
    [0] Nothing is waiting to travel
    [one] { $count } record is waiting to travel
   *[other] { $count } records are waiting to travel
}
status-records-carried = Carried for others
status-records-acked = Arrived and confirmed
status-records-note = Records are sealed: neither this device nor those that carry them can read them.
status-peers = Neighbours
status-peers-none = No neighbour in sight. Check that both devices are on the same network; some Wi-Fi routers keep devices apart (“client isolation”).
status-peer-on = Connected
status-peer-off = Out of reach
status-peer-received = Received
status-peer-sent = Sent
status-peer-revoked = Revoked by the ministry: no progress is exchanged with it
status-peer-faults = { $count ->
    [one] { $count } fault
   *[other] { $count } faults
}
status-address = Open from another device
status-address-note = Type this address into the browser of any device on the same network.
status-address-local = The pages open on this device only. To let other devices in, whoever runs it starts it with --web 0.0.0.0:8080.
status-id = Name of this device in the network

## When something is not as hoped
error-missing-title = This page does not exist
error-missing-help = Perhaps the address was typed differently, or the lesson is not among those that this device follows.
error-withdrawn-title = This lesson was withdrawn
error-withdrawn-help = This lesson was withdrawn by those who published it, or by the ministry, so it is no longer shown. The others are still here.
error-failed-title = Something went wrong on this device
error-failed-help = Nothing was lost. Try again; if it stays like this, restart the device and tell whoever runs it.
error-host-title = This is not the address of this device
error-host-help = Open the pages by the device’s number, for example http://192.168.1.20:8080, or by its own .local name.
error-forbidden-title = This was not sent from our own page
error-forbidden-help = Open the lesson on this device again and try from there.
error-back = To the lessons

## Subjects
subject-mathematics = Mathematics
subject-albanian = Albanian language
subject-serbian = Serbian language
subject-english = English language
subject-turkish = Turkish language
subject-bosnian = Bosnian language
subject-romani = Romani language
subject-reading = Reading
subject-nature = Nature and science
subject-biology = Biology
subject-chemistry = Chemistry
subject-physics = Physics
subject-history = History
subject-geography = Geography
subject-civics = Civic education
subject-music = Music
subject-art = Art
subject-sport = Physical education
subject-computing = Computing
subject-health = Health
subject-language = Language

## Choosing what the device keeps
keep-heading = What this device keeps
keep-lead = Tick what the learners here need. The sizes are shown before anything is fetched.
keep-not-here = Only whoever sits at this device can choose. Open this page on the device itself, or have it started with --choose-from-lan.
keep-saved = Saved. Lessons that are missing are fetched from now on.
keep-empty-group = Nothing ticked in a group means all of it.
keep-try = Show what that comes to
keep-comes-to = This choice comes to
keep-sum = { $count ->
    [one] { $count } lesson, { $size }
   *[other] { $count } lessons, { $size }
}
keep-here = Of it here already
keep-free = Free on the disk
keep-quota = Most that lessons may take
keep-no-quota = no limit
keep-used = Taken by lessons now
keep-too-much = That is { $size } more than there is room for. What comes first is kept; the rest waits.
keep-save = Keep these
keep-none = Keep only single lessons
keep-now = In force now
keep-no-rule = No rule: only lessons that were chosen one by one.
keep-single = { $count ->
    [one] { $count } lesson was chosen by itself.
   *[other] { $count } lessons were chosen one by one.
}
keep-left-out = { $count ->
    [one] { $count } was left out by itself.
   *[other] { $count } were left out one by one.
}
keep-pinned = { $count ->
    [one] { $count } is pinned.
   *[other] { $count } are pinned.
}
keep-order = When room is needed, lessons that nobody chose go first; pinned ones never go. No lesson that a neighbour lacks goes before one that others nearby hold.
keep-lesson-follow = Keep on this device ({ $size })
keep-lesson-remove = Remove from this device ({ $size })
keep-lesson-pin = Pin: never remove
keep-lesson-unpin = Unpin
status-disk-full = The disk of this device is full. Everything that is here can be watched; new lessons arrive when there is space again.
error-not-here-title = This can only be chosen on the device itself
search-elsewhere = Not kept on this device
search-elsewhere-help = They come from a neighbour when somebody plays them. Open one to keep it here.
