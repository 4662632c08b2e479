//! The closed lists of what happened to her: when, where, by whom, whom she told before, and what
//! GBVIMS calls it.

use crate::storage::codes;

codes! {
    /// How well a time is known.
    pub enum Precision {
        /// To the minute.
        Exact = "exact",
        /// Within some hours.
        About = "about",
        /// The day.
        Day = "day",
        /// The month.
        Month = "month",
        /// Not known.
        Unknown = "unknown",
    }
}
codes! {
    /// How long ago, as it is said on the phone.
    pub enum Bracket {
        /// 0 to 24 hours.
        Today = "today",
        /// 0 to 48 hours.
        Yesterday = "yesterday",
        /// 24 to 96 hours.
        Days2To3 = "2_3_days",
        /// 72 to 144 hours.
        Days4To5 = "4_5_days",
        /// 120 hours and over.
        Longer = "longer",
    }
}
codes! {
    /// GBVIMS location of the incident.
    pub enum LocationType {
        /// Her home.
        ClientsHome = "clients_home",
        /// The perpetrator's home.
        PerpetratorsHome = "perpetrators_home",
        /// The home of a friend of the perpetrator.
        PerpetratorsFriendsHome = "perpetrators_friends_home",
        /// A street or road.
        Road = "road",
        /// A school.
        School = "school",
        /// A market.
        Market = "market",
        /// A workplace or farm.
        Farm = "farm",
        /// A field or garden.
        Garden = "garden",
        /// A forest.
        Forest = "forest",
        /// Water.
        Streamside = "streamside",
        /// A guest house or hotel.
        GuestHouseHotel = "guest_house_hotel",
        /// A place of entertainment.
        EntertainmentCentre = "entertainment_centre",
        /// An unfinished house.
        UnfinishedHouse = "unfinished_house",
        /// A latrine.
        Latrine = "latrine",
        /// A beach.
        Beach = "beach",
        /// Elsewhere.
        Other = "other",
    }
}
codes! {
    /// GBVIMS time of day.
    pub enum TimeOfDay {
        /// Morning.
        Morning = "morning",
        /// Afternoon.
        Afternoon = "afternoon",
        /// Evening or night.
        EveningNight = "evening_night",
        /// Not known.
        Unknown = "unknown",
    }
}
codes! {
    /// GBVIMS abduction at the time of the incident.
    pub enum Abduction {
        /// None.
        None = "none",
        /// Forced conscription.
        ForcedConscription = "forced_conscription",
        /// Trafficked.
        Trafficked = "trafficked",
        /// Other.
        Other = "other",
        /// Not known.
        Unknown = "unknown",
    }
}
codes! {
    /// A practice of the place; what the numbers stand for is the deployment's list.
    pub enum Practice {
        /// None.
        None = "none",
        /// The first of the deployment's list.
        Practice1 = "practice_1",
        /// The second.
        Practice2 = "practice_2",
        /// The third.
        Practice3 = "practice_3",
        /// The fourth.
        Practice4 = "practice_4",
        /// The fifth.
        Practice5 = "practice_5",
    }
}
codes! {
    /// Whether it was reported before, and to whom.
    pub enum ReportedElsewhere {
        /// No.
        No = "no",
        /// To an organisation that uses GBVIMS: then it is not counted again.
        GbvimsOrg = "gbvims_org",
        /// To another.
        OtherOrg = "other_org",
    }
}
codes! {
    /// Whether she wants to go to law.
    pub enum LegalAction {
        /// Yes.
        Yes = "yes",
        /// No.
        No = "no",
        /// Not decided.
        Undecided = "undecided",
    }
}
codes! {
    /// GBVIMS: who sent her.
    pub enum ReferredFrom {
        /// Health service.
        Medical = "medical",
        /// Psychosocial service.
        Psychosocial = "psychosocial",
        /// Police.
        Police = "police",
        /// Legal service.
        Legal = "legal",
        /// Livelihoods service.
        Livelihoods = "livelihoods",
        /// Herself.
        SelfReferral = "self_referral",
        /// A teacher or school.
        Teacher = "teacher",
        /// A community leader.
        CommunityLeader = "community_leader",
        /// A safe house.
        SafeHouse = "safe_house",
        /// Another organisation.
        OtherOrganisation = "other_organisation",
        /// Another state body.
        OtherGovernment = "other_government",
        /// Another way.
        Other = "other",
    }
}
codes! {
    /// First or further perpetrator.
    pub enum PerpetratorRole {
        /// The one the incident is about.
        Primary = "primary",
        /// Another.
        Secondary = "secondary",
    }
}
codes! {
    /// GBVIMS relationship of perpetrator to survivor.
    pub enum Relationship {
        /// Present or former partner.
        IntimatePartnerOrFormer = "intimate_partner_or_former",
        /// Primary caregiver.
        PrimaryCaregiver = "primary_caregiver",
        /// Other family.
        FamilyOther = "family_other",
        /// Supervisor or employer.
        SupervisorEmployer = "supervisor_employer",
        /// Schoolmate.
        Schoolmate = "schoolmate",
        /// Teacher.
        Teacher = "teacher",
        /// Service provider.
        ServiceProvider = "service_provider",
        /// Lives in the same house.
        Cotenant = "cotenant",
        /// Friend of the family or neighbour.
        FamilyFriendNeighbour = "family_friend_neighbour",
        /// Another displaced person.
        OtherDisplaced = "other_displaced",
        /// Another member of the community.
        OtherCommunityMember = "other_community_member",
        /// Other.
        Other = "other",
        /// None.
        None = "none",
        /// Not known.
        Unknown = "unknown",
    }
}
codes! {
    /// Which side of the family.
    pub enum FamilySide {
        /// The partner's.
        InLaw = "in_law",
        /// Her own.
        BirthFamily = "birth_family",
    }
}
codes! {
    /// Power by office.
    pub enum Position {
        /// Police.
        Police = "police",
        /// Another official.
        Official = "official",
        /// None.
        None = "none",
        /// Not known.
        Unknown = "unknown",
    }
}
codes! {
    /// GBVIMS core types, in the order in which they are asked.
    pub enum GbvType {
        /// Rape.
        Rape = "rape",
        /// Sexual assault.
        SexualAssault = "sexual_assault",
        /// Physical assault.
        PhysicalAssault = "physical_assault",
        /// Forced marriage.
        ForcedMarriage = "forced_marriage",
        /// Denial of resources, opportunities or services.
        DenialOfResources = "denial_of_resources",
        /// Psychological or emotional abuse.
        Psychological = "psychological",
        /// Not gender-based violence.
        NonGbv = "non_gbv",
        /// An earlier question is unanswered.
        Unclassified = "unclassified",
    }
}
codes! {
    /// GBVIMS case contexts, always computed.
    pub enum Context {
        /// A partner or former partner did it.
        IntimatePartner = "intimate_partner",
        /// A child was abused sexually.
        ChildSexualAbuse = "child_sexual_abuse",
        /// A child was married.
        EarlyMarriage = "early_marriage",
        /// Goods or money changed hands.
        PossibleSexualExploitation = "possible_sexual_exploitation",
        /// She was abducted.
        PossibleSexualSlavery = "possible_sexual_slavery",
        /// A practice of the place.
        HarmfulTraditionalPractice = "harmful_traditional_practice",
    }
}
codes! {
    /// GBVIMS elapsed reporting time, in whole days between incident and contact.
    pub enum ElapsedBand {
        /// 0 to 3 days.
        Days0To3 = "0_3_days",
        /// 4 to 5 days.
        Days4To5 = "4_5_days",
        /// 6 to 14 days.
        Days6To14 = "6_14_days",
        /// 15 to 29 days.
        Weeks2ToMonth = "2_weeks_1_month",
        /// 30 days or more.
        OverMonth = "over_1_month",
    }
}
