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
lesson-none-yet = Nothing of this lesson has arrived yet.
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
status-no-fresh-source = No device nearby gives a newer one.
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

## Signing in
sign-in = Sign in
sign-in-class = Which class are you in?
sign-in-name = Who are you?
sign-in-other-class = Another class
sign-in-other-name = That is not me
sign-in-pin = Your PIN
sign-in-family = This is our family’s device
sign-in-family-help = You stay signed in, and brothers and sisters can sign in beside you. Leave it empty at school.
sign-in-no-secret = Your teacher has not given you pictures or a PIN yet. Ask for them.
sign-in-wrong = That is not right. Try again.
sign-in-wait-short = Too many wrong tries. Wait a little and try again.
sign-in-wait-seconds = { $count ->
    [one] Too many wrong tries. Wait { $count } second, or ask your teacher.
   *[other] Too many wrong tries. Wait { $count } seconds, or ask your teacher.
}
sign-in-wait-minutes = { $count ->
    [one] Too many wrong tries. Wait { $count } minute, or ask your teacher.
   *[other] Too many wrong tries. Wait { $count } minutes, or ask your teacher.
}
sign-out = Sign out
sign-out-all = Sign everybody out
who-another = Another learner
pictures-step = Picture { $step } of 4
picture-sun = sun
picture-moon = moon
picture-star = star
picture-house = house
picture-tree = tree
picture-flower = flower
picture-fish = fish
picture-bird = bird
picture-cat = cat
picture-apple = apple
picture-ball = ball
picture-boat = boat
off-title = Nobody can sign in over this connection
off-why = This page came over plain HTTP: everybody on this Wi-Fi could read a PIN that is typed here. Lessons work all the same.
off-secure = Open the safe connection (HTTPS)
off-no-tls = This device offers no HTTPS. Sign in on the device itself, or have it started with --tls local.
connection-title = What a safe connection is
connection-is-safe = This connection is safe: nobody on the network can read along.
connection-is-not = This connection is not safe: whoever is on the same Wi-Fi can read along.
connection-what = Lessons are public and need no protection. Names, PINs and marks do: they travel over a safe connection (HTTPS) only, or stay on the device itself.
connection-install = Keeping these pages as an app, and sending reports later by themselves, works only over a safe connection or on the device itself; browsers do not allow it otherwise.
connection-warning-title = The browser warns
connection-warning = Your browser does not know this device yet and says that the connection is not private. Add this device’s certificate once, and the warning is gone.
connection-step-1 = Download it here, best on the device itself or at a desk of the school:
connection-get = Certificate of this device
connection-step-2 = Open the file. On a phone: Settings, Security, Install a certificate, CA certificate. On a computer: in the browser’s settings under Certificates, Authorities, Import.
connection-step-3 = Open the safe connection again.
connection-limits = The certificate counts for this device on private networks only; it can vouch for no other site.

## Cards and families
card-sign-in = With a learner card
card-sign-in-help = At home, or when you forgot your PIN
card-new = A card that is new on this device
card-code = What stands on the card
card-code-help = Scan the code with the camera and copy the text here, or type it. Capitals and blanks do not count.
card-at-school = At your own school the card is enough; the other two fields stay empty.
card-label = What the family calls you here
card-pin = A PIN for this device
card-pin-help = At least 4 characters. Without it nobody can use the card on this device.
card-bad = This is not the text of a learner card, or a character is wrong. Read it again.
card-not-valid = This card counts no more. Ask your teacher for the new one.
card-short-pin = Choose a PIN with at least 4 characters.
card-too-many = This device has as many learners as it can keep.
card-title = Learner card
card-print = Print the card
card-renew = Make a new card
card-renew-help = For a lost card: the old one counts no more, and devices that took it in need the new one.
card-renewed = There is a new card; the old one counts no more. Print it.
card-number = card { $number }
cards-title = Learner cards
cards-lead = Print this page: eight cards on a sheet. Cut them and give each learner their own; whoever holds a card can work in that learner’s name.
cards-no-school = This device is not a school’s node yet, so it can make no cards. Whoever runs it sets that up with: pishtar school init
cards-elsewhere = The cards of these learners were made on another of the school’s computers. Print them there, or make new ones:

## A learner's own page
me-title = My lessons
me-hello = Hello, { $name }!
me-to-do = To do
me-begun = Begun
me-done = Done
me-nothing-to-do = Nothing is set for you now. Choose any lesson.
me-lessons = All lessons
me-at-home = What you do here is kept sealed and travels to your school. There your teacher sees it.
work-done = Done
work-percent = { $percent } % watched
work-not-begun = Not begun
work-points = { $points } points
work-due = by { $date }
work-assigned = set
help-stuck = { $count ->
    [one] { $count } try at one exercise, at best { $best } of { $of } points
   *[other] { $count } tries at one exercise, at best { $best } of { $of } points
}
help-overdue = not done; it was due on { $date }
help-stopped = { $count ->
    [one] begun, and not gone on with for { $count } day
   *[other] begun, and not gone on with for { $count } days
}

## Classes
classes-title = Classes
classes-none = No class is yours yet. The administrator gives you classes.
count-learners = { $count ->
    [one] { $count } learner
   *[other] { $count } learners
}
count-assigned = { $count ->
    [one] { $count } lesson set
   *[other] { $count } lessons set
}
count-need-help = { $count ->
    [one] { $count } needs help
   *[other] { $count } need help
}
class-title = Class { $class }
class-grid = Who did what
class-learner = Learner
class-help = Needs help
class-empty = No learner is in this class yet. Register them one by one, or have the administrator upload a table.
class-assigned = The lesson is set for the class.
class-taken-back = The lesson is taken back.
sort-label = Sort
sort-help = Help first
sort-name = By name
sort-done = Most done
assign-title = Set a lesson
assign-find = Find a lesson
assign-lesson = Lesson
assign-due = To be done by (may stay empty)
assign-action = Set it for the class
assign-none = No lesson found that the class does not have already.
assign-no-lesson = Choose a lesson from the list.
assign-bad-day = Write the day like 2026-12-15, or leave it empty.
assign-take-back = Take back
assign-take-back-of = Take back { $title }
learner-no-login = The ministry has not answered with a login yet.
learner-work = Lessons
learner-no-work = Nothing yet.
learner-data = Registered
learner-rights = What is held on this learner
learner-export = Download everything
secret-title = Pictures or PIN
secret-is-pin = Signs in with a PIN.
secret-is-pictures = Signs in with pictures.
secret-is-none = Cannot sign in with a name yet: give a PIN or pictures.
secret-new-pin = Give a PIN
secret-new-pictures = Give pictures
secret-save = Save
secret-saved = Saved. The learner signs in with it from now on.
secret-waits = { $count ->
    [one] After wrong tries this learner has to wait { $count } second.
   *[other] After wrong tries this learner has to wait { $count } seconds.
}
secret-forgive = Let try again now
secret-forgiven = The learner can try again now.
secret-bad-pin = A PIN has 4 to 8 digits.
secret-easy-pin = Everybody tries that PIN first. Take another.
secret-bad-pictures = Choose four pictures, at least two different ones.
secret-bad-password = A password has at least 10 characters.

## Registering
register-title = Register a learner
register-sealed = What you write is kept sealed. Only the school and the ministry can read it.
register-wrong = Something is not right yet. Look at the marked fields; nothing you typed is lost.
register-action = Register
register-done = The learner is registered.
register-known = This learner was registered already.
field-optional = (may stay empty)
field-name = First name
field-surname = Surname
field-parent = Parent or guardian
field-school = School
field-municipality = Municipality
field-phone = Telephone
field-class = Class
field-born = Year of birth
hint-name = Write a name in letters, without digits.
hint-parent = Write the name of a parent or guardian in letters.
hint-place = Write its name.
hint-phone = Write a number like 044 123 456 or +383 44 123 456, or leave it empty.
hint-class = Write a class like 6A or VI/2.
hint-born = Write the year with four digits, or leave it empty.
upload-title = Upload a table
upload-lead = A table of learners, saved by a spreadsheet as CSV UTF-8. You see first what was read; nothing is taken before you say so.
upload-file = The file
upload-paste = Or paste the table
upload-columns = First row:
upload-class = Class of rows that name none
upload-look = Look at it
upload-nothing = Choose a file, or paste the table.
upload-faults = Nothing was taken. Correct these rows and upload the table again.
upload-row = Row
upload-column = Column
upload-what = What to do
upload-more = { $count ->
    [one] and { $count } more
   *[other] and { $count } more
}
upload-read = { $count ->
    [one] { $count } learner was read
   *[other] { $count } learners were read
}
upload-confirm = { $count ->
    [one] Register { $count } learner
   *[other] Register { $count } learners
}
upload-taken = { $count ->
    [one] { $count } learner was registered.
   *[other] { $count } learners were registered.
}
upload-known = { $count ->
    [one] { $count } was known already.
   *[other] { $count } were known already.
}
erase-title = Erase this learner
erase-heading = Erase { $name }?
erase-what = Everything that is held on this learner is destroyed here and at the ministry: registration, card, work. It cannot be undone, and old reports that still arrive count no more.
erase-type = Type the name to confirm: { $name }
erase-wrong = That is not the name. Nothing was erased.
erase-not = Do not erase
erase-done = The learner is erased.

## The school
school-title = School
school-not-one = This device is not certified as a school’s node yet. Classes work here; cards and the ministry’s logins need:
school-new-class = A new class
school-add-class = Add the class
school-class-added = The class is there.
about-title = The school’s own data
about-saved = Saved. Forms begin with it from now on.
staff-title = Teachers
staff-sign-in = Teachers and administrators
staff-sign-in-help = With name and password
staff-login = Name to sign in with
staff-password = Password
staff-password-help = At least 10 characters; three or four words do well.
staff-new = A new teacher
staff-add = Make the account
staff-role = Role
role-teacher = Teacher
role-administrator = Administrator
staff-classes = Classes
staff-change = Change
staff-new-password = New password
staff-remove = Remove { $name }
staff-saved = Saved.
staff-bad-login = Write a name of at most 80 bytes.
staff-taken = Somebody signs in with that name already. Add a surname.
staff-full = There are as many accounts as this device keeps. Remove those who left.
staff-last = The last administrator cannot be removed. Make another one first.
first-title = The first administrator
first-lead = This device has no administrator yet.
first-help = The device printed a code when it was started. Whoever can read it there becomes its administrator.
first-code = The code
first-make = Become the administrator
first-wrong = That is not the code of this device.
switch-title = Signing in without a safe connection
switch-is-on = On
switch-is-off = Off
switch-means = When this is on, people can sign in over plain HTTP. Everybody on the school’s Wi-Fi can then read names, PINs and marks as they are typed and shown, and can act in another’s name.
switch-instead = There is a better way: the safe connection of this device.
switch-read = I have read what this means.
switch-read-first = Read what it means, and tick that you have.
switch-on = Turn it on
switch-off = Turn it off
switch-saved = Saved.
error-sign-in-title = Sign in first
error-sign-in-help = This page is for people who are signed in.
error-not-yours-title = This page is not yours
error-not-yours-help = Others at the school may open it. If you should, too, ask the administrator.
error-stale-title = This form was from before
error-stale-help = Somebody signed in or out meanwhile. Open the page again and send it once more; nothing was changed.
error-large-title = That is too much at once
error-large-help = Split the table into smaller ones.
error-revoked-title = This device was reported lost
error-revoked-help = The ministry revoked it. It plays lessons, and nobody can sign in on it any more. Ask the school.
